#include "kafka/api.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kafka/errors.h"

namespace penstock::kafka {
namespace {

TEST(Versions, ReadLikeKafkasOwnDefinitions) {
  EXPECT_EQ(Versions("0-12").first, 0);
  EXPECT_EQ(Versions("0-12").last, 12);
  EXPECT_TRUE(Versions("3+").contains(3));
  EXPECT_TRUE(Versions("3+").contains(32767));
  EXPECT_FALSE(Versions("3+").contains(2));
  EXPECT_TRUE(Versions("5").contains(5));
  EXPECT_FALSE(Versions("5").contains(6));
  EXPECT_FALSE(Versions("none").contains(0));
}

TEST(Api, TheTableIsSortedAndEveryImplementedVersionMakesSense) {
  EXPECT_TRUE(std::ranges::is_sorted(kApis, {}, &ApiInfo::key));
  for (const ApiInfo& api : kApis) {
    EXPECT_EQ(find_api(api.key), &api);
    EXPECT_LE(api.implemented.first, api.implemented.last) << api.name;
    EXPECT_TRUE(api.implemented.contains(api.advertised.last)) << api.name;
    EXPECT_LE(api.advertised.first, api.implemented.first) << api.name;
  }
  EXPECT_EQ(find_api(ApiKey{999}), nullptr);
  EXPECT_EQ(to_string(ApiKey{999}), "unknown");
}

// librdkafka turns compression off without these two.
TEST(Api, ProduceAndFindCoordinatorAreAdvertisedFromVersion0) {
  EXPECT_EQ(find_api(ApiKey::kProduce)->advertised.first, 0);
  EXPECT_EQ(find_api(ApiKey::kProduce)->implemented.first, 3);
  EXPECT_EQ(find_api(ApiKey::kFindCoordinator)->advertised.first, 0);
}

TEST(Api, FlexibleVersionsHaveTheNewerHeaders) {
  EXPECT_EQ(request_header_version(ApiKey::kMetadata, 8), 1);
  EXPECT_EQ(request_header_version(ApiKey::kMetadata, 9), 2);
  EXPECT_EQ(response_header_version(ApiKey::kMetadata, 8), 0);
  EXPECT_EQ(response_header_version(ApiKey::kMetadata, 9), 1);
}

TEST(Api, OffsetDeleteHasNoFlexibleVersion) {
  EXPECT_EQ(request_header_version(ApiKey::kOffsetDelete, 0), 1);
  EXPECT_EQ(response_header_version(ApiKey::kOffsetDelete, 0), 0);
}

TEST(Api, AnApiVersionsResponseHasTheOldestHeaderAtEveryVersion) {
  EXPECT_EQ(request_header_version(ApiKey::kApiVersions, 3), 2);
  EXPECT_EQ(response_header_version(ApiKey::kApiVersions, 3), 0);
}

TEST(KafkaError, HasKafkasNumbersAndNames) {
  EXPECT_EQ(to_string(KafkaError{-1}), "UNKNOWN_SERVER_ERROR");
  EXPECT_EQ(to_string(KafkaError{0}), "NONE");
  EXPECT_EQ(to_string(KafkaError{3}), "UNKNOWN_TOPIC_OR_PARTITION");
  EXPECT_EQ(to_string(KafkaError{56}), "KAFKA_STORAGE_ERROR");
  EXPECT_EQ(to_string(KafkaError{100}), "UNKNOWN_TOPIC_ID");
  EXPECT_EQ(to_string(KafkaError{12345}), "UNRECOGNISED_ERROR");
}

}  // namespace
}  // namespace penstock::kafka
