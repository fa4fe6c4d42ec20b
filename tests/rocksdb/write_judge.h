// Whether a database that scripted writers wrote to holds, after a power cut, what it has to.
//
//   - Of each key, what its last synced and acknowledged operation wrote, or something newer; synced
//     deletes count.
//   - Nothing that was not written: each value is, to the byte, one that an operation writes to the
//   key.
//   - Each batch whole or not at all.
//
// Operations that were not synced may be missing, and what was begun and never acknowledged may be
// there.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace penstock::tests {

using Contents = std::map<std::string, std::string>;

// What an acknowledged operation leaves in its writer's record: a byte.
inline constexpr char kSynced = 's';
inline constexpr char kNotSynced = '.';

struct Progress {
  std::string acknowledged;  // the record before the cut
  std::uint64_t begun = 0;   // how many operations ever
};

struct Verdict {
  std::uint64_t required_count = 0;  // keys whose last synced operation was looked for
  std::uint64_t finding_count = 0;
  std::vector<std::string> findings;  // the first of them, a sentence each

  static constexpr std::size_t kMaxFindings = 20;
};

// `writers`: those of scripts 0, 1, ... of `seed`.
Verdict judge(std::uint64_t seed, std::span<const Progress> writers, const Contents& contents);

}  // namespace penstock::tests
