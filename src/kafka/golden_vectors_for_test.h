// The golden vectors of testdata/golden_vectors.txt, for tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::kafka {

struct GoldenVector {
  std::string message;  // "FetchRequest"
  std::int16_t version = 0;
  std::string variant;           // "full"
  std::vector<std::byte> frame;  // header and body, without the 4-byte size

  bool is_request() const { return message.ends_with("Request"); }
  std::string name() const;  // "FetchRequest v12 full"
};

std::vector<std::byte> bytes_from_hex(std::string_view hex);

// All of them, read once.
const std::vector<GoldenVector>& golden_vectors();

// The one vector, which must be there.
const GoldenVector& golden_vector(std::string_view message, std::int16_t version,
                                  std::string_view variant);

}  // namespace penstock::kafka
