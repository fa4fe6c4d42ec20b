#include "server/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <utility>

#include "base/testing/temp_directory.h"
#include "server/config_keys.h"
#include "server/config_values.h"

namespace penstock::server {
namespace {

class ConfigTest : public testing::Test {
 protected:
  // A configuration file with this text.
  std::string file(const std::string& text) {
    std::ofstream(directory_ / "penstock.toml") << text;
    return directory_ / "penstock.toml";
  }
  // The message of a configuration that is refused.
  static std::string refusal(const ConfigSources& sources) {
    const Result<Config> config = load(sources);
    if (config) return "(accepted)";
    EXPECT_EQ(config.error().code(), ErrorCode::kInvalidArgument);
    return config.error().message();
  }
  std::string refusal_of_file(const std::string& text) { return refusal({.file = file(text)}); }

  TempDirectory directory_;
};

TEST_F(ConfigTest, DefaultsNeedNoFile) {
  const Result<Config> config = load({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->listen, "127.0.0.1:9092");
  EXPECT_EQ(config->data_directory, "data");
  EXPECT_EQ(config->idle_timeout, std::chrono::minutes(10));
}

TEST_F(ConfigTest, FileSetsValuesOfEveryType) {
  const Result<Config> config = load({.file = file("[server]\n"
                                                   "listen = \"[::1]:1234\"\n"
                                                   "shards = 3\n"
                                                   "pin_shards = true\n"
                                                   "io = \"buffered\"\n"
                                                   "io_uring = \"off\"\n"
                                                   "idle_timeout = \"90s\"\n"
                                                   "[storage]\n"
                                                   "segment_bytes = \"64MiB\"\n"
                                                   "commit_bytes = 8192\n")});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->listen, "[::1]:1234");
  EXPECT_EQ(config->shards, 3U);
  EXPECT_TRUE(config->pin_shards);
  EXPECT_EQ(config->io, RequestedIoMode::kBuffered);
  EXPECT_EQ(config->io_uring, UringUse::kOff);
  EXPECT_EQ(config->idle_timeout, std::chrono::seconds(90));
  EXPECT_EQ(config->broker.partition.segment_bytes, 64 * kMiB);
  EXPECT_EQ(config->broker.partition.commit_bytes, 8192U);
}

TEST_F(ConfigTest, SessionTimeoutsThatNobodyCouldAskForAreRefused) {
  const Result<Config> config = load({.file = file("[groups]\nmin_session_timeout = \"1h\"\n")});
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message().contains("groups.max_session_timeout"))
      << config.error().message();
}

TEST_F(ConfigTest, MembersThatSpeakTooSeldomToLiveAreRefused) {
  const Result<Config> config = load(
      {.file = file("[groups]\nconsumer_session_timeout = \"2s\"\nconsumer_assignor = \"range\"\n")});
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message().contains("groups.consumer_heartbeat_interval"))
      << config.error().message();
}

TEST_F(ConfigTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const std::string path = file("[server]\nlisten = \"file:1\"\nshards = 1\nmax_connections = 11\n");
  const Result<Config> config = load({.file = path,
                                      .environment = {"PENSTOCK_SERVER_LISTEN=environment:2",
                                                      "PENSTOCK_SERVER_SHARDS=2", "HOME=/root"},
                                      .flags = {{"server.listen", "flag:3", "--listen"}}});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->listen, "flag:3");
  EXPECT_EQ(config->shards, 2U);
  EXPECT_EQ(config->max_connections, 11U);
  EXPECT_EQ(config->max_request_bytes, 100 * kMiB);
}

TEST_F(ConfigTest, ADirectoryIsNoConfigurationFile) {
  const Result<Config> config = load({.file = directory_.path(), .environment = {}, .flags = {}});
  ASSERT_FALSE(config);
  EXPECT_TRUE(config.error().message().contains("is a directory")) << config.error().message();
}

TEST_F(ConfigTest, UnknownKeyIsRefusedWithItsPlaceAndTheNearestOne) {
  const std::string message = refusal_of_file("[server]\nshards = 1\nlisen = \"x:1\"\n");
  EXPECT_EQ(message, (directory_ / "penstock.toml") +
                         ":3: unknown key 'server.lisen'; did you mean 'server.listen'?");
}

TEST_F(ConfigTest, UnknownSectionAndKeyOutsideOfSectionsAreRefused) {
  EXPECT_TRUE(refusal_of_file("[sever]\nlisten = \"x:1\"\n")
                  .contains(":2: unknown key 'sever.listen'; did you mean 'server.listen'?"));
  EXPECT_TRUE(refusal_of_file("listen = \"x:1\"\n").contains(":1: unknown key 'listen'"));
}

TEST_F(ConfigTest, EveryMistakeIsReportedAtOnce) {
  const std::string message =
      refusal({.file = file("[server]\nshards = 1000\nio = \"fast\"\n"),
               .environment = {"PENSTOCK_BROKER_NODE_ID=me"},
               .flags = {{"storage.segment_size", "1", "--set storage.segment_size=1"}}});
  EXPECT_TRUE(message.contains(":2: server.shards: 1000 is not allowed; number, 0 .. 256")) << message;
  EXPECT_TRUE(message.contains(":3: server.io: 'fast' is not an I/O mode")) << message;
  EXPECT_TRUE(message.contains("PENSTOCK_BROKER_NODE_ID: broker.node_id: 'me' is not a whole number"))
      << message;
  EXPECT_TRUE(message.contains("did you mean 'storage.segment_bytes'?")) << message;
}

TEST_F(ConfigTest, AShareIsANumberWithinItsBounds) {
  const auto config = load({.file = file("[compaction]\npad_share = 0.5\n")});
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->broker.compaction.pad_share_min, 0.5);
  EXPECT_EQ(load({.environment = {"PENSTOCK_COMPACTION_PAD_SHARE=1"}})->broker.compaction.pad_share_min,
            1);
  for (const char* value : {"0.05", "1.5", "-1", "nan", "x", "", "0.5%"}) {
    const std::string message =
        refusal({.environment = {std::string("PENSTOCK_COMPACTION_PAD_SHARE=") + value}});
    EXPECT_TRUE(message.contains("share, 0.1 .. 1")) << value << ": " << message;
  }
}

TEST_F(ConfigTest, VariableOfAKnownSectionIsNotIgnoredWhenItIsUnknown) {
  EXPECT_EQ(
      refusal({.environment = {"PENSTOCK_SERVER_LISEN=x"}}),
      "environment: unknown variable PENSTOCK_SERVER_LISEN; did you mean PENSTOCK_SERVER_LISTEN?");
  EXPECT_TRUE(load({.environment = {"PENSTOCK_TEST_DIR=/tmp"}})) << "another program's";
}

TEST_F(ConfigTest, BrokenTomlIsRefusedWithItsLine) {
  EXPECT_TRUE(refusal_of_file("[server]\nlisten = \n").contains("penstock.toml:2: "));
}

TEST_F(ConfigTest, MissingFileIsAnErrorOfItsOwn) {
  const Result<Config> config = load({.file = directory_ / "none.toml"});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kNotFound);
}

TEST_F(ConfigTest, ValuesOfTheWrongTypeAreRefused) {
  EXPECT_TRUE(refusal_of_file("[server]\nlisten = [1]\n").contains("must be a string"));
  EXPECT_TRUE(refusal_of_file("[server]\npin_shards = 1\n").contains("neither 'true' nor 'false'"));
  EXPECT_TRUE(refusal_of_file("[server]\nlisten = 9092\n").contains("is not HOST:PORT"));
  EXPECT_TRUE(
      refusal_of_file("[server]\nadvertised = \"0.0.0.0:9092\"\n").contains("clients cannot connect"));
  EXPECT_TRUE(refusal_of_file("[server]\nidle_timeout = 10\n").contains("is not a duration"));
  EXPECT_TRUE(refusal_of_file("[log]\nlevel = \"loud\"\n").contains("is not a log level"));
  EXPECT_TRUE(refusal_of_file("[storage]\nsegment_bytes = \"100MiB\"\n").contains("a power of two"));
}

TEST_F(ConfigTest, ValuesThatContradictEachOtherAreRefused) {
  const std::string message =
      refusal({.flags = {{"storage.segment_bytes", "1MiB", "--set storage.segment_bytes=1MiB"}}});
  EXPECT_EQ(message,
            "pool.smallest_bytes (default) must be at most storage.segment_bytes (--set "
            "storage.segment_bytes=1MiB): it is 4MiB, and storage.segment_bytes is 1MiB");
}

TEST_F(ConfigTest, ACacheIsLargeEnoughOrNotThere) {
  const auto with = [](std::string value) {
    return load({.flags = {{"storage.block_cache_bytes", std::move(value), "--set"}}});
  };
  EXPECT_TRUE(with("0"));
  EXPECT_TRUE(with("256KiB"));
  const auto refused = with("255KiB");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains(
      "storage.block_cache_bytes (--set) is 261120: it must be 0 or at least 262144"))
      << refused.error().message();
}

TEST_F(ConfigTest, ShownConfigurationReadsBackAsItself) {
  const ConfigSources sources{
      .flags = {{"server.listen", "a:1", "x"}, {"storage.segment_bytes", "64MiB", "x"}}};
  const std::string shown = show(load(sources).value());
  const Result<Config> again = load({.file = file(shown)});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(show(*again), shown);
}

TEST_F(ConfigTest, EveryKeyAcceptsItsOwnDefaultAndIsInTheReference) {
  const std::string reference = config_reference();
  for (const ConfigKey& key : config_keys()) {
    Config config;
    const Result<void> set = key.set(config, key.get(Config()));
    EXPECT_TRUE(set) << key.name << ": " << (set ? "" : set.error().message());
    EXPECT_TRUE(reference.contains(fmt::format("### {}\n", key.name)));
    EXPECT_TRUE(reference.contains(key.environment_name()));
  }
}

TEST(ConfigValues, DurationsRoundTrip) {
  for (const std::string_view text : {"0ms", "500ms", "10s", "5min", "2h"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
}

TEST(ConfigValues, NonsenseIsRefused) {
  for (const std::string_view text : {"", "10", "10 days", "-1s", "99999999999999h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  for (const std::string_view text : {"", "1x", "one"}) EXPECT_FALSE(parse_count(text)) << text;
}

}  // namespace
}  // namespace penstock::server
