// Records: the value of a `records` field, the record batches inside a Produce request or Fetch
// response.
//
// Record bytes are never copied by the codec. Decoded Records are a view into the frame they were
// decoded from, which must stay alive and unchanged while they are in use. Records to be sent are
// either such a borrowed view (copied into the frame on encode: for clients and tests) or a list of
// SharedSlices, which become pieces of the encoded ByteChain as they are; their lengths add up.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"

namespace penstock::kafka {

class Records {
 public:
  // Null. A consumer with nothing to read gets empty() records, not null ones.
  Records() = default;
  // Shared bytes, to be sent without a copy.
  explicit Records(std::vector<SharedSlice> slices) : is_null_(false), slices_(std::move(slices)) {}

  static Records empty() { return borrow({}); }
  // `bytes` must outlive this object and the encoding of it.
  static Records borrow(ByteView bytes);

  void append(SharedSlice slice);  // the records must not be borrowed

  bool is_null() const { return is_null_; }
  std::size_t size() const;

  // The bytes of borrowed (so: of all decoded) records; empty for null. Shared slices have no single
  // view.
  ByteView view() const;
  std::span<const SharedSlice> slices() const { return slices_; }

  // By content, wherever the bytes are.
  friend bool operator==(const Records& left, const Records& right);

 private:
  bool is_null_ = true;
  ByteView borrowed_;
  std::vector<SharedSlice> slices_;
};

}  // namespace penstock::kafka
