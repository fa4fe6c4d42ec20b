#include "write_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "write_script.h"

namespace penstock::tests {

namespace {

using Number = std::optional<std::uint64_t>;  // of an operation; none is older than all

class WriterJudge {
 public:
  WriterJudge(const WriteScript& script, const Progress& progress, Verdict& verdict)
      : script_(script), progress_(progress), verdict_(verdict), standings_(WriteScript::kKeys) {}

  // Returns how many of the contents are this writer's keys.
  std::size_t judge(const Contents& contents) {
    for (std::uint64_t number = 0; number < progress_.begun; ++number) note(number);
    std::size_t count = 0;
    for (std::uint32_t key = 0; key < WriteScript::kKeys; ++key) {
      const auto found = contents.find(script_.key(key));
      if (found != contents.end()) ++count;
      judge_key(key, found == contents.end() ? nullptr : &found->second);
    }
    for (std::uint64_t number = 0; number < progress_.begun; ++number) judge_batch(number);
    return count;
  }

 private:
  struct Standing {
    Number required;       // the last operation that was synced and acknowledged
    Number newest_delete;  // of those begun
    Number shown;          // whose value there is
  };

  void note(std::uint64_t number) {
    const bool is_required =
        number < progress_.acknowledged.size() && progress_.acknowledged[number] == kSynced;
    for (const Change& change : script_.operation(number)) {
      Standing& standing = standings_[change.key];
      if (is_required) standing.required = number;
      if (change.is_delete) standing.newest_delete = number;
    }
  }

  void judge_key(std::uint32_t key, const std::string* value) {
    Standing& standing = standings_[key];
    if (standing.required) ++verdict_.required_count;
    if (value == nullptr) {
      if (standing.newest_delete < standing.required) {
        add_finding("{} is missing; operation {} was synced and acknowledged", script_.key(key),
                    *standing.required);
      }
      return;
    }
    const Number number = WriteScript::number_in(*value);
    if (!number || *number >= progress_.begun || !puts(*number, key) ||
        *value != script_.value(key, *number)) {
      add_finding("{} has {} bytes that nobody wrote: '{}'", script_.key(key), value->size(),
                  value->substr(0, 40));
      return;
    }
    standing.shown = number;
    if (number < standing.required) {
      add_finding("{} is as operation {} left it; operation {} was synced and acknowledged",
                  script_.key(key), *number, *standing.required);
    }
  }

  bool puts(std::uint64_t number, std::uint32_t key) const {
    return std::ranges::any_of(script_.operation(number), [key](const Change& change) {
      return change.key == key && !change.is_delete;
    });
  }

  // If one of its changes is to be seen, all are, or something newer.
  void judge_batch(std::uint64_t number) {
    const Operation changes = script_.operation(number);
    const auto shows = [&](const Change& change) { return standings_[change.key].shown == number; };
    if (std::ranges::none_of(changes, shows)) return;
    for (const Change& change : changes) {
      const Standing& standing = standings_[change.key];
      const bool is_missing = !standing.shown && standing.newest_delete < number;
      if (is_missing || (standing.shown && standing.shown < number))
        add_finding("of the batch of operation {} {} is not there", number, script_.key(change.key));
    }
  }

  template <typename... Words>
  void add_finding(fmt::format_string<Words...> text, Words&&... words) {
    if (verdict_.finding_count++ < Verdict::kMaxFindings)
      verdict_.findings.push_back(fmt::format(text, std::forward<Words>(words)...));
  }

  const WriteScript script_;
  const Progress& progress_;
  Verdict& verdict_;
  std::vector<Standing> standings_;
};

}  // namespace

Verdict judge(std::uint64_t seed, std::span<const Progress> writers, const Contents& contents) {
  Verdict verdict;
  std::size_t known = 0;
  for (std::size_t writer = 0; writer < writers.size(); ++writer) {
    const WriteScript script(seed, static_cast<std::uint32_t>(writer));
    known += WriterJudge(script, writers[writer], verdict).judge(contents);
  }
  if (known != contents.size()) {
    ++verdict.finding_count;
    verdict.findings.push_back(fmt::format("{} keys are nobody's", contents.size() - known));
  }
  return verdict;
}

}  // namespace penstock::tests
