#include "library/testing/engine_fixture.h"
#include "penstock/block_cache.h"
#include "penstock/read_ahead.h"
#include "penstock/read_file.h"

namespace penstock {

namespace {

using namespace std::chrono_literals;

class PublicReadTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped()) return;
    write(path("file"), text_);
    file_.emplace(ReadFile::open(engine(), path("file")).value());
  }
  void TearDown() override { file_.reset(); }

  static std::string_view view(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string_view part(std::uint64_t at, std::size_t size) const {
    return at >= text_.size() ? std::string_view() : std::string_view(text_).substr(at, size);
  }

  const std::string text_ = pattern(5'000'001);
  std::optional<ReadFile> file_;
};

TEST_P(PublicReadTest, ReadsAtAnyPositionAndLength) {
  EXPECT_EQ(file_->size(), text_.size());
  for (const std::uint64_t at :
       {0UL, 1UL, 4095UL, 4096UL, 777'777UL, 4'999'990UL, 5'000'001UL, 9'000'000UL}) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{4096}, std::size_t{300'001}}) {
      std::vector<std::byte> bytes(size);
      const Result<std::size_t> read = file_->read(at, bytes);
      ASSERT_TRUE(read) << read.error().message();
      ASSERT_EQ(*read, part(at, size).size()) << at << " " << size;
      ASSERT_EQ(view(bytes).substr(0, *read), part(at, size));
    }
  }
}

TEST_P(PublicReadTest, ReadManyGivesEachItsOwnResult) {
  std::vector<std::vector<std::byte>> pieces(300, std::vector<std::byte>(700));
  std::vector<ReadRequest> requests;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    requests.push_back({.from = i * 20'000, .into = pieces[i]});
  const auto check = [&] {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_TRUE(requests[i].result);
      ASSERT_EQ(view(pieces[i]).substr(0, *requests[i].result), part(i * 20'000, 700));
    }
  };
  file_->read_many(requests);
  check();
  for (std::vector<std::byte>& piece : pieces) std::fill(piece.begin(), piece.end(), std::byte{});
  bool ended = false;
  ASSERT_TRUE(file_->submit_read_many(requests, [&] { ended = true; }));
  EXPECT_FALSE(ended);
  finish();
  ASSERT_TRUE(ended);
  check();
}

TEST_P(PublicReadTest, ReadsPendingWhenTheFileIsDestroyedFinish) {
  std::vector<std::byte> bytes(100'000);
  Result<std::size_t> got = std::size_t{0};
  ASSERT_TRUE(file_->submit_read(5, bytes, [&](Result<std::size_t> size) { got = size; }));
  file_.reset();
  finish();
  ASSERT_EQ(got, bytes.size());
  EXPECT_EQ(view(bytes), part(5, bytes.size()));
}

TEST_P(PublicReadTest, OpeningFailsWithTheReason) {
  const Result<ReadFile> gone = ReadFile::open(engine(), path("gone"));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(gone.error().message().find(path("gone")), std::string::npos);
  EXPECT_EQ(ReadFile::open(engine(), path("")).error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(PublicReadTest, AScanSeesEveryByteOnceAndThenTheEnd) {
  for (const std::uint64_t window : {0UL, 65'536UL, 100'000UL, 2UL << 20U, UINT64_MAX}) {
    ReadAhead scan(*file_, {.window_bytes = window});
    std::string seen;
    while (true) {
      const Result<std::span<const std::byte>> piece = scan.next();
      ASSERT_TRUE(piece) << piece.error().message();
      if (piece->empty()) break;
      seen += view(*piece);
      ASSERT_EQ(scan.position(), seen.size());
    }
    ASSERT_EQ(seen, text_);
    EXPECT_TRUE(scan.next()->empty());
  }
}

TEST_P(PublicReadTest, AScanKeepsToItsBounds) {
  ReadAhead scan(*file_, {.from = 1'234'567, .end = 3'000'003});
  std::string seen;
  while (true) {
    const Result<std::span<const std::byte>> piece = scan.next();
    ASSERT_TRUE(piece);
    if (piece->empty()) break;
    seen += view(*piece);
  }
  EXPECT_EQ(seen, part(1'234'567, 3'000'003 - 1'234'567));
  scan.seek(10);
  EXPECT_EQ(view(*scan.next()).substr(0, 10), part(10, 10));
}

TEST_P(PublicReadTest, ReadAheadReadsWhatIsAskedForAndGoesOnBehindIt) {
  ReadAhead reader(*file_);
  for (const std::uint64_t at : {0UL, 100UL, 70'000UL, 4'999'999UL, 8'000'000UL, 3UL}) {
    const Result<std::span<const std::byte>> bytes = reader.read(at, 150'000);
    ASSERT_TRUE(bytes);
    ASSERT_EQ(view(*bytes), part(at, 150'000)) << at;
    EXPECT_EQ(reader.position(), at + bytes->size());
  }
  EXPECT_EQ(view(*reader.next()).substr(0, 5), part(150'003, 5));
  EXPECT_EQ(reader.read(0, (64U << 20U) + 1).error().code(), ErrorCode::kTooLarge);
}

TEST_P(PublicReadTest, ReadAheadOutlivesTheFileThatItReads) {
  ReadAhead scan(*file_);
  ASSERT_FALSE(scan.next()->empty());
  file_.reset();
  std::size_t seen = scan.position();
  for (Result<std::span<const std::byte>> piece = scan.next(); !piece->empty(); piece = scan.next()) {
    ASSERT_EQ(view(*piece), part(seen, piece->size()));
    seen += piece->size();
  }
  EXPECT_EQ(seen, text_.size());
}

TEST_P(PublicReadTest, ABlockIsReadOnceAndThenFound) {
  BlockCache cache =
      BlockCache::create(engine(), {.budget_bytes = 8 << 20, .block_bytes = 64 << 10}).value();
  const BlockKey key{.file_id = 7, .block = 3};
  EXPECT_FALSE(cache.find(key));
  {
    const Result<BlockCache::Pin> pin = cache.get(key, *file_);
    ASSERT_TRUE(pin);
    EXPECT_EQ(view(pin->bytes()), part(3 * 65'536, 65'536));
  }
  std::optional<BlockCache::Pin> found = cache.find(key);
  ASSERT_TRUE(found);
  EXPECT_EQ(view(found->bytes()), part(3 * 65'536, 65'536));
  EXPECT_EQ(cache.size_blocks(), 1U);
  EXPECT_EQ(cache.stats().hits, 1U);
  EXPECT_EQ(cache.block_bytes(), 65'536U);

  cache.erase_file(7);
  EXPECT_FALSE(cache.find(key));
  EXPECT_EQ(view(found->bytes()), part(3 * 65'536, 65'536)) << "a pinned block stays";
}

TEST_P(PublicReadTest, TheLastBlockIsShort) {
  BlockCache cache =
      BlockCache::create(engine(), {.budget_bytes = 8 << 20, .block_bytes = 64 << 10}).value();
  const Result<BlockCache::Pin> pin = cache.get({.file_id = 1, .block = text_.size() / 65'536}, *file_);
  ASSERT_TRUE(pin);
  EXPECT_EQ(view(pin->bytes()), part(text_.size() / 65'536 * 65'536, 65'536));
}

TEST_P(PublicReadTest, PinsMove) {
  BlockCache cache =
      BlockCache::create(engine(), {.budget_bytes = 8 << 20, .block_bytes = 64 << 10}).value();
  BlockCache::Pin first = cache.get({.file_id = 1, .block = 0}, *file_).value();
  BlockCache::Pin second = cache.get({.file_id = 1, .block = 1}, *file_).value();
  second = std::move(first);
  EXPECT_EQ(view(second.bytes()), part(0, 65'536));
  EXPECT_TRUE(first.bytes().empty());  // NOLINT(bugprone-use-after-move): what moving leaves is defined
  BlockCache::Pin third = std::move(second);
  EXPECT_EQ(view(third.bytes()), part(0, 65'536));
}

TEST_P(PublicReadTest, ACacheRefusesOptionsOutOfTheirRange) {
  for (const BlockCacheOptions& options :
       {BlockCacheOptions{.budget_bytes = 1}, BlockCacheOptions{.block_bytes = 5000},
        BlockCacheOptions{.high_priority_share = 2}}) {
    EXPECT_EQ(BlockCache::create(engine(), options).error().code(), ErrorCode::kInvalidArgument);
  }
}

INSTANTIATE_TEST_SUITE_P(Makes, PublicReadTest, testing::Values(UringUse::kOn, UringUse::kOff),
                         name_of_make);

}  // namespace

}  // namespace penstock
