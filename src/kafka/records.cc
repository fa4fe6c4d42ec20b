#include "kafka/records.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace penstock::kafka {
namespace {

std::vector<std::byte> flatten(const Records& records) {
  if (records.slices().empty()) return {records.view().begin(), records.view().end()};
  std::vector<std::byte> bytes;
  for (const SharedSlice& slice : records.slices()) {
    bytes.insert(bytes.end(), slice.view().begin(), slice.view().end());
  }
  return bytes;
}

}  // namespace

Records Records::borrow(ByteView bytes) {
  Records records;
  records.is_null_ = false;
  records.borrowed_ = bytes;
  return records;
}

void Records::append(SharedSlice slice) {
  PENSTOCK_ASSERT(borrowed_.empty(), "records are either borrowed or shared, not both");
  is_null_ = false;
  slices_.push_back(std::move(slice));
}

std::size_t Records::size() const {
  std::size_t size_bytes = borrowed_.size();
  for (const SharedSlice& slice : slices_) size_bytes += slice.size();
  return size_bytes;
}

ByteView Records::view() const {
  PENSTOCK_ASSERT(slices_.empty(), "records made of shared slices have no single view");
  return borrowed_;
}

bool operator==(const Records& left, const Records& right) {
  return left.is_null_ == right.is_null_ && left.size() == right.size() &&
         std::ranges::equal(flatten(left), flatten(right));
}

}  // namespace penstock::kafka
