// Whatever a client sends as the head of a request: it is parsed or refused, and never more than was
// sent is looked at.

#include "base/assert.h"
#include "server/http.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace penstock::server;
  const std::string head(reinterpret_cast<const char*>(data), size);
  const std::optional<std::size_t> bytes = http_head_bytes(head);
  PENSTOCK_ASSERT(!bytes || *bytes <= size, "a head is a part of what was received");
  const HttpLimits limits;
  const ParsedHttp parsed = parse_http_head(head, limits);
  if (parsed.refusal) {
    PENSTOCK_ASSERT(parsed.refusal->status >= 400, "a refusal is an error");
  } else {
    PENSTOCK_ASSERT(parsed.request.path.starts_with('/'), "a path begins with a slash");
    PENSTOCK_ASSERT(parsed.request.body_bytes <= limits.body_bytes, "a body has a bound");
  }
  return 0;
}
