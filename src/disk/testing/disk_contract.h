// DiskContract: what every make of Disk promises, as tests.
//
// The tests are in disk_contract_test.cc. A make joins them by instantiating the suite in a test file
// of its own:
//
//     INSTANTIATE_TEST_SUITE_P(Sim, DiskContract, testing::Values(DiskMake{"Sim",
//     make_sim_disk_under_test}),
//                              name_of_make);
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>

#include "disk/disk.h"
#include "task/scheduler.h"

namespace penstock {

// A disk with everything that it stands on.
class DiskUnderTest {
 public:
  virtual ~DiskUnderTest() = default;
  virtual Scheduler& scheduler() = 0;
  virtual Disk& disk() = 0;
  // An existing, empty directory on the disk.
  virtual std::string root() = 0;
};

struct DiskMake {
  std::string name;
  // A null result skips the test: this machine cannot have such a disk.
  std::unique_ptr<DiskUnderTest> (*make)();
};
inline void PrintTo(const DiskMake& make, std::ostream* out) { *out << make.name; }
inline std::string name_of_make(const testing::TestParamInfo<DiskMake>& info) {
  return info.param.name;
}

// `size_bytes` (whole blocks) that depend on `seed` at every position.
inline AlignedBuffer pattern_buffer(std::size_t size_bytes, unsigned seed) {
  AlignedBuffer buffer(size_bytes);
  for (std::size_t i = 0; i < size_bytes; ++i) {
    buffer.data()[i] = static_cast<std::byte>(i * 31 + i / kBlockBytes * 7 + seed);
  }
  return buffer;
}
inline SharedSlice pattern(std::size_t size_bytes, unsigned seed) {
  return pattern_buffer(size_bytes, seed).freeze(size_bytes);
}

class DiskContract : public testing::TestWithParam<DiskMake> {
 protected:
  static constexpr OpenOptions kNew{.write = true, .create = true, .exclusive = true};
  static constexpr OpenOptions kRead{};

  void SetUp() override {
    under_test_ = GetParam().make();
    if (under_test_ == nullptr) GTEST_SKIP() << "this machine cannot have such a disk";
  }

  Disk& disk() { return under_test_->disk(); }
  std::string at(const std::string& name) { return under_test_->root() + "/" + name; }

  template <typename T>
  T run(Task<T> task) {
    return under_test_->scheduler().run(std::move(task));
  }
  Scheduler& scheduler() { return under_test_->scheduler(); }

  std::unique_ptr<File> open(const std::string& name, OpenOptions options) {
    Result<std::unique_ptr<File>> file = run(disk().open(at(name), options));
    EXPECT_TRUE(file.has_value()) << file.error().message();
    return file ? std::move(*file) : nullptr;
  }
  std::unique_ptr<File> create(const std::string& name) { return open(name, kNew); }

  Result<void> write(File& file, std::uint64_t at_bytes, SharedSlice data,
                     Durability durability = Durability::kNone) {
    return run(file.write(FilePosition{at_bytes}, std::move(data), durability));
  }
  Result<ReadResult> read(File& file, std::uint64_t at_bytes, std::size_t length_bytes) {
    return run(file.read(FilePosition{at_bytes}, AlignedBuffer(length_bytes), length_bytes));
  }

  std::unique_ptr<DiskUnderTest> under_test_;
};

}  // namespace penstock
