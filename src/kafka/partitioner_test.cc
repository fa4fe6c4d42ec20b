#include "kafka/partitioner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace penstock::kafka {
namespace {

// The first six are those of Kafka's own tests (UtilsTest), the others python3-kafka's answers.
TEST(Partitioner, HashesAsTheJavaClientDoes) {
  const auto hash = [](std::string_view text) {
    return static_cast<std::int32_t>(murmur2(as_bytes(text)));
  };
  EXPECT_EQ(hash("21"), -973932308);
  EXPECT_EQ(hash("foobar"), -790332482);
  EXPECT_EQ(hash("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(hash("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(hash("abc"), 479470107);
  EXPECT_EQ(hash(""), 275646681);
  EXPECT_EQ(murmur2(as_bytes("a")), 2731586172U);
  EXPECT_EQ(hash("ab"), 316155434);
  EXPECT_EQ(murmur2(as_bytes("abcd")), 2971317748U);
  EXPECT_EQ(hash("\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd\xff\xfe\xfd"), 262954337);
}

TEST(Partitioner, PutsKeysWhereTheJavaClientDoes) {
  EXPECT_EQ(partition_of_key(as_bytes("a"), 12), 4);  // a negative hash
  EXPECT_EQ(partition_of_key(as_bytes("order-1"), 12), 10);
  EXPECT_EQ(partition_of_key(as_bytes(""), 12), 9);
  EXPECT_EQ(partition_of_key(as_bytes("anything"), 1), 0);
}

}  // namespace
}  // namespace penstock::kafka
