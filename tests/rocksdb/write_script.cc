#include "write_script.h"

#include <fmt/format.h>

#include <charconv>

#include "base/units.h"

namespace penstock::tests {

namespace {

constexpr std::uint64_t kBatchMax = 6;
constexpr std::uint64_t kUsualBytesMax = 700;
constexpr std::uint64_t kLargeBytesMax = 20 * kKiB;
// More than a side file takes of one write.
constexpr std::uint64_t kHugeBytesMin = 128 * kKiB;
constexpr std::uint64_t kHugeBytesMax = 160 * kKiB;

std::uint64_t draw_size(Random& random) {
  if (random.one_in(1000)) return random.between(kHugeBytesMin, kHugeBytesMax);
  return random.below(random.one_in(50) ? kLargeBytesMax : kUsualBytesMax);
}

}  // namespace

Operation WriteScript::operation(std::uint64_t number) const {
  Random random = draws_of(number);
  Operation changes(random.one_in(8) ? random.between(2, kBatchMax) : 1);
  const std::uint64_t first = random.below(kKeys);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i].key = static_cast<std::uint32_t>((first + i) % kKeys);
    changes[i].is_delete = random.one_in(10);
  }
  return changes;
}

std::string WriteScript::key(std::uint32_t key) const { return fmt::format("{}/{:06}", writer_, key); }

std::string WriteScript::value(std::uint32_t key, std::uint64_t number) const {
  Random random = draws_of(number * kKeys + key).split();
  std::string value = fmt::format("{} of {}: ", number, this->key(key));
  const std::uint64_t end = value.size() + draw_size(random);
  while (value.size() < end) value += fmt::format("{:016x}", random.next());
  value.resize(end);
  return value;
}

std::optional<std::uint64_t> WriteScript::number_in(std::string_view value) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  return number;
}

}  // namespace penstock::tests
