#include "cli/program.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/testing/temp_directory.h"
#include "base/units.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/text.h"

namespace penstock::cli {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Program, EverySubcommandHasHelpWithAnExample) {
  const std::vector<std::vector<std::string>> commands = {{},
                                                          {"produce"},
                                                          {"consume"},
                                                          {"topic"},
                                                          {"topic", "create"},
                                                          {"topic", "list"},
                                                          {"topic", "describe"},
                                                          {"topic", "delete"},
                                                          {"topic", "config"},
                                                          {"topic", "add-partitions"},
                                                          {"topic", "purge"},
                                                          {"topic", "reopen"},
                                                          {"group"},
                                                          {"group", "list"},
                                                          {"group", "describe"},
                                                          {"group", "delete"},
                                                          {"doctor"},
                                                          {"log"},
                                                          {"log", "dump"},
                                                          {"log", "verify"},
                                                          {"log", "reindex"},
                                                          {"catalog"},
                                                          {"catalog", "dump"},
                                                          {"serve"},
                                                          {"config"},
                                                          {"config", "show"},
                                                          {"config", "check"},
                                                          {"config", "reference"}};
  for (std::vector<std::string> words : commands) {
    words.emplace_back("--help");
    const Captured captured = run_captured(words);
    EXPECT_EQ(captured.exit_code, kSuccess);
    EXPECT_TRUE(contains(captured.out, "Example")) << captured.out;
    EXPECT_TRUE(contains(captured.out, "Usage: penstock")) << captured.out;
    EXPECT_EQ(captured.err, "");
  }
  EXPECT_TRUE(contains(run_captured({"--help"}).out, "Exit codes:"));
}

TEST(Program, SaysItsVersion) {
  const Captured captured = run_captured({"--version"});
  EXPECT_EQ(captured.exit_code, kSuccess);
  EXPECT_TRUE(captured.out.starts_with("penstock ")) << captured.out;
}

TEST(Program, WrongUsageIsExplainedOnStderrWithExitCode2) {
  const std::vector<std::vector<std::string>> lines = {
      {},
      {"topics"},
      {"topic"},
      {"topic", "create"},
      {"topic", "create", "orders", "--bogus"},
      {"topic", "create", "orders", "--partitions", "0"},
      {"topic", "create", "orders", "--partitions", "many"},
      {"topic", "list", "--brokers", "nowhere"},
      {"topic", "list", "--timeout", "0"},
      {"produce"},
      {"produce", "orders", "--acks", "2"},
      {"produce", "orders", "--compression", "brotli"},
      {"produce", "orders", "--batch-bytes", "1GiB"},
      {"produce", "orders", "--linger", "5"},
      {"produce", "orders", "--delimiter", ""},
      {"produce", "orders", "--key-delimiter", "\\q"},
      {"produce", "orders", "--header", "no value"},
      {"produce", "orders", "--partition", "-1"},
      {"consume"},
      {"consume", "orders", "--offset", "somewhere"},
      {"consume", "orders", "--format", "%x"},
      {"consume", "orders", "--isolation", "some"},
      {"consume", "orders", "--count", "-1"},
      {"consume", "orders", "--follow", "--exit-at-end"},
      {"consume", "orders", "--group", "g", "--partition", "1"},
      {"consume", "orders", "--group", ""},
      {"bench", "stream", "--brokers", "nowhere"},
      {"topic", "purge"},
      {"topic", "config"},
      {"topic", "config", "orders", "--set", "retention.ms"},
      {"topic", "config", "orders", "--unset", "retention.ms=1"},
      {"topic", "add-partitions", "orders"},
      {"topic", "add-partitions", "orders", "--partitions", "0"},
      {"topic", "reopen"},
      {"topic", "reopen", "orders", "some"},
      {"topic", "reopen", "orders", "--admin", "nowhere"},
      {"doctor"},
      {"log", "dump"},
      {"log", "dump", "/", "--limit", "0"},
      {"log", "dump", "/", "--limit", "-1"},
      {"log", "verify", "/", "/"}};
  for (const std::vector<std::string>& words : lines) {
    const Captured captured = run_captured(words);
    EXPECT_EQ(captured.exit_code, kUsage) << captured.err;
    EXPECT_EQ(captured.out, "");
    EXPECT_TRUE(captured.err.starts_with("penstock: ")) << captured.err;
    EXPECT_TRUE(contains(captured.err, "Usage: penstock")) << captured.err;
  }
}

TEST(Program, ABrokersSettingThatThereIsNotIsRefusedBeforeAnythingIsMeasured) {
  const Captured captured = run_captured({"bench", "stream", "--set", "server.no=1"});
  EXPECT_EQ(captured.exit_code, kUsage);
  EXPECT_TRUE(contains(captured.err, "unknown key 'server.no'")) << captured.err;
}

TEST(Program, AWordThatIsNoCommandIsNamed) {
  EXPECT_TRUE(contains(run_captured({"topics"}).err, "'topics' is no command"));
  EXPECT_TRUE(contains(run_captured({"topic", "made"}).err, "'made' is no command"));
  EXPECT_TRUE(contains(run_captured({"-v"}).err, "'-v' is no flag"));
  EXPECT_TRUE(contains(run_captured({"topic"}).err, "subcommand is required"));
}

TEST(Program, ABrokerThatIsNotThereIsAnErrorAndNotWrongUsage) {
  const Captured captured = run_captured({"topic", "list", "--brokers", "127.0.0.1:1"});
  EXPECT_EQ(captured.exit_code, kFailed);
  EXPECT_TRUE(contains(captured.err, "127.0.0.1:1")) << captured.err;
}

TEST(Program, AnAdminPortThatIsNotThereIsAnErrorAndNotWrongUsage) {
  const Captured captured = run_captured({"topic", "reopen", "orders", "--admin", "127.0.0.1:1"});
  EXPECT_EQ(captured.exit_code, kFailed);
  EXPECT_TRUE(contains(captured.err, "127.0.0.1:1")) << captured.err;
}

TEST(Program, DoctorReportsTheDirectoryItWasGiven) {
  const TempDirectory directory;
  const Captured captured = run_captured({"doctor", "--json", "--no-measure", directory.path()});
  const auto json = nlohmann::json::parse(captured.out);
  EXPECT_EQ(json["directory"], directory.path());
  EXPECT_EQ(json["checks"].size(), 24U);
  EXPECT_EQ(run_captured({"doctor", directory / "a/b"}).exit_code, kFailed);
}

TEST(Text, QuantitiesAndTimesAreForPeople) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(128 * kMiB), "128 MiB");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(count_of(1, "entry"), "1 entry");
  EXPECT_EQ(count_of(2000, "entry"), "2,000 entries");
  EXPECT_EQ(count_of(2, "segment"), "2 segments");
  EXPECT_EQ(utc_time(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(utc_time(-1), "-");
}

TEST(Text, BytesAreShownOnOneLineWhateverTheyAre) {
  EXPECT_EQ(printable(as_bytes("plain"), 80), "plain");
  EXPECT_EQ(printable(as_bytes("a\nb\x01\\\xff"), 80), "a\\nb\\x01\\\\\\xff");
  EXPECT_EQ(printable(as_bytes("abcdef"), 3), "abc...");
}

TEST(Text, ParagraphsBreakAtSpaces) {
  EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap("incomprehensible", 5), (std::vector<std::string>{"incomprehensible"}));
  EXPECT_EQ(wrap("", 5), (std::vector<std::string>{""}));
}

TEST(Text, TablesAlign) {
  Table table({{"NAME", Table::Align::kLeft}, {"COUNT", Table::Align::kRight}});
  table.add({"a", "1"});
  table.add({"longer", "123456"});
  EXPECT_EQ(table.to_string(), "NAME     COUNT\na            1\nlonger  123456\n");
}

}  // namespace
}  // namespace penstock::cli
