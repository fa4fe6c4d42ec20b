#include "penstock/append_file.h"

#include "library/testing/engine_fixture.h"

namespace penstock {

namespace {

using namespace std::chrono_literals;

class PublicAppendFileTest : public EngineTest {
 protected:
  AppendFile::AppendCallback note_append(const std::string& what) {
    return [this, what](Result<std::uint64_t> at) {
      trail_ += what + (at ? " " : "(" + std::string(to_string(at.error().code())) + ") ");
    };
  }
  AppendFile::Callback note(const std::string& what) {
    return [this, what](Result<void> result) {
      trail_ += what + (result ? " " : "(" + std::string(to_string(result.error().code())) + ") ");
    };
  }

  std::string trail_;
};

TEST_P(PublicAppendFileTest, ASealedFileIsExactlyWhatWasAppended) {
  const std::string text = pattern(3'000'001);
  for (const Preparation preparation :
       {Preparation::kNone, Preparation::kAllocated, Preparation::kWritten}) {
    const std::string name = path("log" + std::to_string(static_cast<int>(preparation)));
    AppendFile file = AppendFile::create(engine(), name, {.preparation = preparation}).value();
    std::uint64_t at = 0;
    for (std::size_t size = 1; at < text.size(); size = size * 3 + 1) {
      const std::string_view piece = std::string_view(text).substr(at, size);
      ASSERT_EQ(file.append(piece), at);
      at += piece.size();
      ASSERT_EQ(file.size_bytes(), at);
    }
    ASSERT_TRUE(file.sync());
    EXPECT_EQ(file.durable_bytes(), text.size());
    ASSERT_TRUE(file.seal());
    EXPECT_EQ(contents(name), text);
    EXPECT_EQ(file.append("more").error().code(), ErrorCode::kClosed);
  }
}

TEST_P(PublicAppendFileTest, OpenContinuesASealedFile) {
  {
    AppendFile file = AppendFile::create(engine(), path("log")).value();
    ASSERT_TRUE(file.append("one "));
    ASSERT_TRUE(file.seal());
  }
  AppendFile file = AppendFile::open(engine(), path("log")).value();
  EXPECT_EQ(file.size_bytes(), 4U);
  ASSERT_EQ(file.append("two"), 4U);
  ASSERT_TRUE(file.seal());
  EXPECT_EQ(contents(path("log")), "one two");
}

TEST_P(PublicAppendFileTest, OpenAtForgetsWhatIsBehindTheEnd) {
  {
    AppendFile file = AppendFile::create(engine(), path("log")).value();
    ASSERT_TRUE(file.append("kept forgotten"));
    ASSERT_TRUE(file.sync());
  }
  {
    AppendFile file = AppendFile::open_at(engine(), path("log"), 5).value();
    EXPECT_EQ(file.size_bytes(), 5U);
    ASSERT_TRUE(file.seal());
  }
  EXPECT_EQ(contents(path("log")), "kept ");
  const Result<AppendFile> behind = AppendFile::open_at(engine(), path("log"), 6);
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().code(), ErrorCode::kOutOfRange);
}

TEST_P(PublicAppendFileTest, WhatWasSyncedIsThereWithoutSeal) {
  AppendFile file = AppendFile::create(engine(), path("log")).value();
  ASSERT_TRUE(file.append("synced"));
  ASSERT_TRUE(file.sync());
  ASSERT_TRUE(file.append(" and not"));
  EXPECT_EQ(file.durable_bytes(), 6U);
  EXPECT_EQ(file.unwritten().position, 6U);
  ASSERT_EQ(file.unwritten().bytes.size(), 8U);
  EXPECT_EQ(std::memcmp(file.unwritten().bytes.data(), " and not", 8), 0);
  EXPECT_EQ(contents(path("log")).substr(0, 6), "synced");
  ASSERT_TRUE(file.flush());
  EXPECT_EQ(contents(path("log")).substr(0, 14), "synced and not");
  EXPECT_FALSE(file.failure());
}

TEST_P(PublicAppendFileTest, TheModeIsKnownAndHasAReason) {
  AppendFile automatic = AppendFile::create(engine(), path("auto")).value();
  EXPECT_FALSE(automatic.mode_reason().empty());
  AppendFile buffered =
      AppendFile::create(engine(), path("buffered"), {.mode = RequestedIoMode::kBuffered}).value();
  EXPECT_EQ(buffered.mode(), IoMode::kBuffered);
  EXPECT_EQ(buffered.path(), path("buffered"));
}

TEST_P(PublicAppendFileTest, OpeningFailsWithTheReason) {
  write(path("there"), "x");
  EXPECT_EQ(AppendFile::create(engine(), path("there")).error().code(), ErrorCode::kExists);
  EXPECT_EQ(AppendFile::open(engine(), path("gone")).error().code(), ErrorCode::kNotFound);
  const Result<AppendFile> nowhere = AppendFile::create(engine(), path("no/such/file"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(nowhere.error().message().find(path("no/such/file")), std::string::npos);
}

TEST_P(PublicAppendFileTest, RefusesOptionsOutOfTheirRange) {
  for (const AppendFileOptions& options :
       {AppendFileOptions{.preparation_step_bytes = 0},
        AppendFileOptions{.preparation_step_bytes = 65ULL << 30},
        AppendFileOptions{.buffer_bytes = 1000}, AppendFileOptions{.buffer_bytes = 128ULL << 20},
        AppendFileOptions{.line_max = 0}, AppendFileOptions{.line_max = 65537}}) {
    const Result<AppendFile> made = AppendFile::create(engine(), path("log"), options);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(path("log")));
  }
}

TEST_P(PublicAppendFileTest, SubmittedOperationsAreCarriedOutInOrder) {
  const std::string text = pattern(200'000);
  AppendFile file = AppendFile::create(engine(), path("log"), {.buffer_bytes = 8192}).value();
  std::uint64_t next = 0;
  for (std::size_t at = 0; at < text.size(); at += 1000) {
    ASSERT_TRUE(
        file.submit_append(std::string_view(text).substr(at, 1000), [&, at](Result<std::uint64_t> got) {
          EXPECT_EQ(got, at);
          EXPECT_EQ(at, next);
          next += 1000;
        }));
    if (at % 7000 == 0)
      ASSERT_TRUE(file.submit_flush([](Result<void> flushed) { EXPECT_TRUE(flushed); }));
  }
  finish();
  EXPECT_EQ(next, text.size());
  ASSERT_TRUE(file.seal());
  EXPECT_EQ(contents(path("log")), text);
}

TEST_P(PublicAppendFileTest, ABlockingCallComesAfterWhatWasSubmittedBeforeIt) {
  AppendFile file = AppendFile::create(engine(), path("log")).value();
  ASSERT_TRUE(file.submit_append("first ", note_append("a")));
  ASSERT_TRUE(file.submit_sync(note("s")));
  ASSERT_EQ(file.append("second"), 6U);
  EXPECT_EQ(trail_, "");
  finish();
  EXPECT_EQ(trail_, "a s ");
  ASSERT_TRUE(file.seal());
  EXPECT_EQ(contents(path("log")), "first second");
}

TEST_P(PublicAppendFileTest, SyncsInLineBecomeOneBehindTheAppendsAmongThem) {
  AppendFile file = AppendFile::create(engine(), path("log")).value();
  ASSERT_TRUE(file.submit_append("x", note_append("a1")));
  ASSERT_TRUE(file.submit_sync(note("s1")));
  ASSERT_TRUE(file.submit_append("y", note_append("a2")));
  ASSERT_TRUE(file.submit_sync(note("s2")));
  ASSERT_TRUE(file.submit_append("z", note_append("a3")));
  finish();
  EXPECT_EQ(trail_, "a1 a2 s1 s2 a3 ");
  EXPECT_GE(file.durable_bytes(), 2U);
}

TEST_P(PublicAppendFileTest, ASyncDoesNotWaitForAFlushOrForManyBytesBehindIt) {
  AppendFile file = AppendFile::create(engine(), path("log"), {.buffer_bytes = 4096}).value();
  ASSERT_TRUE(file.submit_append("x", note_append("a1")));
  ASSERT_TRUE(file.submit_sync(note("s1")));
  ASSERT_TRUE(file.submit_flush(note("f")));
  ASSERT_TRUE(file.submit_sync(note("s2")));
  const std::string many = pattern(5000);
  ASSERT_TRUE(file.submit_append(many, note_append("a2")));
  ASSERT_TRUE(file.submit_sync(note("s3")));
  finish();
  EXPECT_EQ(trail_, "a1 s1 f s2 a2 s3 ");
}

TEST_P(PublicAppendFileTest, AFullLineIsRefusedAndItsCallbackDropped) {
  AppendFile file = AppendFile::create(engine(), path("log"), {.line_max = 3}).value();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(file.submit_append("x", note_append("a")));
  for (const Result<void>& refused :
       {file.submit_append("x", note_append("never")), file.submit_sync(note("never")),
        file.submit_flush(note("never"))}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kBusy);
    EXPECT_NE(refused.error().message().find("line_max"), std::string::npos);
  }
  finish();
  EXPECT_EQ(trail_, "a a a ");
  EXPECT_EQ(file.size_bytes(), 3U);
}

TEST_P(PublicAppendFileTest, WhatHasNotBegunWhenTheFileIsDestroyedEndsWithClosed) {
  {
    AppendFile file = AppendFile::create(engine(), path("log")).value();
    ASSERT_TRUE(file.submit_append("x", note_append("a")));
    ASSERT_TRUE(file.submit_sync(note("s")));
  }
  EXPECT_EQ(trail_, "");
  finish();
  EXPECT_EQ(trail_, "a(closed) s(closed) ");
}

TEST_P(PublicAppendFileTest, WhatHasBegunWhenTheFileIsDestroyedFinishes) {
  const std::string text = pattern(16 << 20);
  {
    AppendFile file = AppendFile::create(engine(), path("log"), {.buffer_bytes = 64 << 10}).value();
    ASSERT_TRUE(file.submit_append(text, note_append("a")));
    ASSERT_TRUE(file.submit_sync(note("s")));
    engine().poll();
    ASSERT_EQ(trail_, "");
  }
  finish();
  EXPECT_EQ(trail_, "a s(closed) ");
}

TEST_P(PublicAppendFileTest, AFileMayBeMovedWithOperationsPending) {
  AppendFile file = AppendFile::create(engine(), path("log")).value();
  ASSERT_TRUE(file.submit_append("x", note_append("a")));
  AppendFile moved = std::move(file);
  ASSERT_TRUE(moved.submit_append("y", note_append("b")));
  finish();
  EXPECT_EQ(trail_, "a b ");
  EXPECT_EQ(moved.size_bytes(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Makes, PublicAppendFileTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         name_of_make);

}  // namespace

}  // namespace penstock
