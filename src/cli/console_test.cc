#include "cli/console.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/testing/captured_program.h"
#include "disk/descriptor.h"

namespace penstock::cli {
namespace {

using std::chrono::milliseconds;

class ConsoleToAPipe : public testing::Test {
 protected:
  ConsoleToAPipe() {
    std::signal(SIGPIPE, SIG_IGN);  // as the program has it
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    reader_ = Descriptor(ends[0]);
    writer_ = ::fdopen(ends[1], "w");
  }
  ~ConsoleToAPipe() override { std::fclose(writer_); }

  std::string read(std::size_t most) {
    std::string text(most, '\0');
    const ssize_t got = ::read(reader_.get(), text.data(), text.size());
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return text;
  }

  Descriptor reader_;
  std::FILE* writer_ = nullptr;
  MemoryStream err_;
};

TEST_F(ConsoleToAPipe, WriteSomeNeverWaitsForAReaderLongerThanItMay) {
  Console console(writer_, err_.get());
  const std::string text(1'000'000, 'x');
  std::size_t written = 0;
  while (true) {
    const auto some = console.write_some(std::string_view(text).substr(written), milliseconds(20));
    ASSERT_TRUE(some);
    if (*some == 0) break;  // the pipe is full
    written += *some;
    ASSERT_LT(written, text.size());
  }
  EXPECT_GT(written, 0U);
  std::size_t read_back = 0;
  while (read_back < written) read_back += read(written - read_back).size();
  EXPECT_EQ(read_back, written);
  EXPECT_GT(console.write_some("more", milliseconds(1000)).value(), 0U);
}

TEST_F(ConsoleToAPipe, WriteSomeSaysThatNobodyReadsAnyMore) {
  Console console(writer_, err_.get());
  reader_.reset();
  const auto written = console.write_some("text", milliseconds(1000));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::kClosed);
}

TEST_F(ConsoleToAPipe, WhatWasPrintedBeforeComesFirst) {
  Console console(writer_, err_.get());
  console.print("one ");
  EXPECT_EQ(console.write_some("two", milliseconds(1000)), std::size_t{3});
  EXPECT_EQ(read(100), "one two");
}

TEST(Console, AComplaintThatNobodyCanTakeIsLostAndNotTheEnd) {
  MemoryStream out;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> full(std::fopen("/dev/full", "w"), std::fclose);
  ASSERT_NE(full, nullptr);
  Console console(out.get(), full.get());
  console.complain("something");
  EXPECT_TRUE(console.flush());
}

TEST(Console, NotesAreForTerminalsOnly) {
  MemoryStream out;
  MemoryStream err;
  Console console(out.get(), err.get());
  console.note("by the way");
  EXPECT_EQ(err.text(), "");
  EXPECT_EQ(console.write_some("text", milliseconds(0)), std::size_t{4});
  EXPECT_EQ(out.text(), "text");
}

}  // namespace
}  // namespace penstock::cli
