// `penstock produce` and `penstock consume` as programs, at a broker in this process.

#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/temp_directory.h"
#include "cli/exit_code.h"
#include "cli/testing/captured_program.h"
#include "cli/testing/fake_topic.h"

namespace penstock::cli {
namespace {

using kafka::ApiKey;
using kafka::KafkaError;
using Texts = std::vector<std::string>;
using Fault = FakeTopic::Fault;

class ProduceAndConsume : public testing::Test {
 protected:
  Captured run(Texts words) {
    words.insert(words.begin() + 1, FakeTopic::kName);
    words.insert(words.end(), {"--brokers", server::to_string(topic_.bootstrap().front())});
    return run_captured(words);
  }
  Captured produce(const std::string& input, const Texts& options = {}) {
    const std::string path = directory_ / "input";
    std::ofstream(path, std::ios::binary) << input;
    Texts words = {"produce", "--file", path};
    words.insert(words.end(), options.begin(), options.end());
    return run(words);
  }

  TempDirectory directory_;
  FakeTopic topic_{1};
};

TEST_F(ProduceAndConsume, WhatTheOneSendsTheOtherPrints) {
  const Captured produced = produce("one\ntwo\n", {"--compression", "zstd"});
  EXPECT_EQ(produced.exit_code, kSuccess) << produced.err;
  EXPECT_TRUE(produced.out.starts_with("acknowledged 2 messages (6 B) in ")) << produced.out;
  EXPECT_EQ(topic_.records_of(0), (Texts{"one", "two"}));
  const Captured consumed = run({"consume"});
  EXPECT_EQ(consumed.exit_code, kSuccess) << consumed.err;
  EXPECT_EQ(consumed.out, "one\ntwo\n");
  EXPECT_EQ(consumed.err, "");
}

TEST_F(ProduceAndConsume, KeysAndFormatsGoThrough) {
  EXPECT_EQ(produce("a:1;b:2", {"--delimiter", ";", "--key-delimiter", ":"}).exit_code, kSuccess);
  EXPECT_EQ(topic_.records_of(0), (Texts{"a=1", "b=2"}));
  EXPECT_EQ(run({"consume", "--format", "%o:%k=%s\\n", "--offset", "-1"}).out, "1:b=2\n");
  EXPECT_EQ(run({"consume", "--count", "1", "--format", "%s\\n"}).out, "1\n");
  EXPECT_EQ(run({"consume", "--count", "0"}).out, "");
  EXPECT_TRUE(run({"consume", "--count", "1", "--format", "json"}).out.contains(R"("key":"a")"));
}

TEST_F(ProduceAndConsume, NoInputIsNoErrorAndNoMessage) {
  const Captured produced = produce("");
  EXPECT_EQ(produced.exit_code, kSuccess);
  EXPECT_EQ(produced.out, "no messages: there was no input\n");
  EXPECT_EQ(run({"consume"}).out, "");
}

TEST_F(ProduceAndConsume, AMessageThatIsRefusedIsNamedWithWhatIsCertain) {
  topic_.fail_as([](ApiKey api, std::int32_t, std::int32_t, ByteView records) {
    const bool refuses = api == ApiKey::kProduce && as_text(records).contains("bad");
    return Fault{.error = refuses ? KafkaError::kInvalidRecord : KafkaError::kNone};
  });
  const Captured produced = produce("good\nbad\nbehind\n", {"--batch-bytes", "1"});
  EXPECT_EQ(produced.exit_code, kFailed);
  EXPECT_EQ(produced.out, "");
  EXPECT_TRUE(produced.err.contains("message 2 was not sent")) << produced.err;
  EXPECT_TRUE(produced.err.contains("message 2 is the first that was not")) << produced.err;
  EXPECT_EQ(topic_.records_of(0), (Texts{"good"}));
}

TEST_F(ProduceAndConsume, AFileThatCannotBeReadIsNamed) {
  const Captured produced = run({"produce", "--file", directory_ / "nowhere"});
  EXPECT_EQ(produced.exit_code, kFailed);
  EXPECT_TRUE(produced.err.contains("nowhere")) << produced.err;
}

TEST_F(ProduceAndConsume, WhatIsInFrontOfADamagedBatchIsPrintedBeforeTheError) {
  topic_.append_values(0, {"a"});
  kafka::RecordBatchBuilder builder;
  builder.add({.timestamp_ms = 1, .value = as_bytes("b")});
  std::vector<std::byte> damaged = std::move(builder).build();
  damaged.back() ^= std::byte{1};
  topic_.append(0, damaged);
  const Captured consumed = run({"consume"});
  EXPECT_EQ(consumed.exit_code, kFailed);
  EXPECT_EQ(consumed.out, "a\n");
  EXPECT_TRUE(consumed.err.contains("offsets 1 to 1")) << consumed.err;
  EXPECT_TRUE(consumed.err.contains("--offset")) << consumed.err;
}

}  // namespace
}  // namespace penstock::cli
