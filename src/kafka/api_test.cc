#include "kafka/api.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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
  EXPECT_TRUE(Versions("none").is_none());
  EXPECT_FALSE(Versions("0").is_none());
}

TEST(Api, TheTableIsSortedAndEveryImplementedVersionMakesSense) {
  EXPECT_TRUE(std::ranges::is_sorted(kApis, {}, &ApiInfo::key));
  for (const ApiInfo& api : kApis) {
    EXPECT_EQ(find_api(api.key), &api);
    EXPECT_LE(api.implemented.first, api.implemented.last) << api.name;
    if (!api.is_served()) continue;
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

TEST(Api, TheDocumentsTableIsTheTable) {
  std::ifstream file(std::filesystem::path(PENSTOCK_DOCS_DIRECTORY) / "compatibility.md");
  ASSERT_TRUE(file);
  std::vector<std::string> documented;
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| API |")) is_inside = true;
    if (line.empty()) is_inside = false;
    // "| Fetch | 1 | 4-12 | what else": up to the notes.
    const std::size_t notes = line.rfind(" | ");
    if (is_inside && notes != std::string::npos) documented.push_back(line.substr(0, notes));
  }
  ASSERT_GE(documented.size(), 1U);
  documented.erase(documented.begin());  // the titles
  std::vector<std::string> served;
  for (const ApiInfo& api : kApis) {
    if (!api.is_served()) continue;
    served.push_back(fmt::format("| {} | {} | {}-{}", api.name, static_cast<int>(api.key),
                                 std::max(api.advertised.first, api.implemented.first),
                                 api.advertised.last));
  }
  EXPECT_EQ(documented, served);
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
