#include "broker/testing/history_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace penstock::broker::testing::history {
namespace {

std::string describe(Name name) {
  return fmt::format("message {} of producer {}", name.number, name.producer);
}
std::string describe(const std::optional<Name>& name) {
  return name ? describe(*name) : std::string("bytes that nobody sent");
}
std::string describe(Partition partition) {
  return fmt::format("{}/{}", partition.topic, partition.index);
}
std::string describe(Place place) {
  return fmt::format("offset {} of {}", place.offset, describe(place.partition));
}

bool may_be_seen(Fate fate) { return fate == Fate::kUnknown || fate == Fate::kCommitted; }

const char* told(Fate fate) {
  switch (fate) {
    case Fate::kOpen: return "was never to be committed";
    case Fate::kAborted: return "was aborted";
    case Fate::kUnknown: return "may have been committed";
    case Fate::kCommitted: return "was committed";
  }
  std::unreachable();
}

// The entry at an offset.
const Entry* find(const std::vector<Entry>& entries, std::int64_t offset) {
  const auto there = std::ranges::lower_bound(entries, offset, {}, &Entry::offset);
  return there != entries.end() && there->offset == offset ? &*there : nullptr;
}

class Checker {
 public:
  explicit Checker(const History& history) : history_(history) {}

  Verdict run() {
    for (const auto& [partition, log] : history_.logs) check_log(partition, log);
    for (const auto& [name, write] : history_.writes) check_write(name, write);
    check_transactions();
    for (const Reading& reading : history_.readings) check_reading(reading);
    check_offsets();
    if (!history_.pipeline.empty()) check_pipeline();
    for (const std::string& complaint : history_.complaints) add("told", complaint);
    return std::move(verdict_);
  }

 private:
  // Offsets of one group in one partition.
  using GroupPartition = std::pair<std::string, Partition>;
  struct Known {
    std::uint64_t at = 0;
    std::int64_t offset = 0;
  };
  struct GroupOffsets {
    std::vector<Known> facts;  // from then on it is at least that
    std::vector<Known> later;  // calls that began then, and must find or bring as much
    std::map<std::int64_t, std::uint64_t> asked{};  // offsets that may have been kept, and from when on
    std::vector<const OffsetSight*> sights{};
  };

  template <typename... Args>
  void add(std::string_view rule, fmt::format_string<Args...> text, Args&&... args) {
    add(rule, fmt::format(text, std::forward<Args>(args)...));
  }
  void add(std::string_view rule, const std::string& text) {
    ++verdict_.finding_count;
    if (++count_of_rule_[rule] <= Verdict::kMaxOfARule)
      verdict_.findings.push_back(fmt::format("{}: {}", rule, text));
  }

  const Log& log_of(Partition partition) const {
    static const Log empty{};
    const auto there = history_.logs.find(partition);
    return there == history_.logs.end() ? empty : there->second;
  }
  const std::vector<Entry>& view_of(Partition partition, Isolation isolation) const {
    const Log& log = log_of(partition);
    return isolation == Isolation::kAll ? log.all : log.committed;
  }

  void check_log(Partition partition, const Log& log) {
    std::map<std::uint32_t, std::uint64_t> last;  // number of each producer
    check_that_offsets_rise(log.all, fmt::format("the log of {}", describe(partition)));
    check_that_offsets_rise(log.committed, fmt::format("the committed log of {}", describe(partition)));
    for (const Entry& entry : log.all) {
      const Place place{partition, entry.offset};
      if (!entry.message || !history_.writes.contains(*entry.message)) {
        add("content", "{} holds {}, which was not sent", describe(place), describe(entry.message));
        continue;
      }
      const Name name = *entry.message;
      if (const auto [first, is_new] = places_.emplace(name, place); !is_new)
        add("twice", "{} stands at {} and at {}", describe(name), describe(first->second),
            describe(place));
      const auto [newest, is_first] = last.emplace(name.producer, name.number);
      if (!is_first && newest->second > name.number)
        add("sequence", "{} at {} stands behind message {}", describe(name), describe(place),
            newest->second);
      newest->second = name.number;
    }
    for (const Entry& entry : log.committed) {
      const Entry* const there = find(log.all, entry.offset);
      if (there == nullptr || *there != entry)
        add("content", "readers of committed messages are given {} at {}; the others are not",
            describe(entry.message), describe(Place{partition, entry.offset}));
      if (entry.message) seen_.insert(*entry.message);
    }
    if (history_.is_over && log.stable_end < log.end)
      add("held up", "{} ends at {} for readers of committed messages, and at {} for the others",
          describe(partition), log.stable_end, log.end);
  }

  void check_that_offsets_rise(const std::vector<Entry>& entries, const std::string& what) {
    const auto not_behind = [](const Entry& one, const Entry& next) {
      return one.offset >= next.offset;
    };
    const auto there = std::ranges::adjacent_find(entries, not_behind);
    if (there != entries.end())
      add("order", "{} was given with offset {} and then with {}", what, there->offset,
          std::next(there)->offset);
  }

  void check_write(Name name, const Write& write) {
    const Log& log = log_of(write.partition);
    const auto place = places_.find(name);
    if (write.offset == kSomewhere) {
      if (place == places_.end())
        add("lost", "{} was acknowledged, and is not in {}", describe(name), describe(write.partition));
    } else if (write.offset) {
      const Entry* const there = find(log.all, *write.offset);
      if (there == nullptr) {
        add("lost", "{} was acknowledged at {}, and is not there", describe(name),
            describe(Place{write.partition, *write.offset}));
      } else if (there->message != name) {
        add("lost", "{} was acknowledged at {}, where there is {}", describe(name),
            describe(Place{write.partition, *write.offset}), describe(there->message));
      }
    }
    if (place == places_.end()) return;
    if (place->second.partition != write.partition)
      add("content", "{} was sent to {}, and stands at {}", describe(name), describe(write.partition),
          describe(place->second));
    if (write.transaction) return;
    if (place->second.offset < log.stable_end && !seen_.contains(name))
      add("lost", "{} at {} is kept from readers of committed messages", describe(name),
          describe(place->second));
  }

  // Of the transactions' messages: those that are seen, and one that should be and is not.
  void check_transactions() {
    struct Sides {
      std::optional<Name> seen{};
      std::optional<Name> unseen{};
    };
    std::map<std::uint64_t, Sides> all;
    for (const auto& [name, write] : history_.writes) {
      if (!write.transaction) continue;
      Sides& sides = all[*write.transaction];
      const auto place = places_.find(name);
      if (seen_.contains(name)) {
        sides.seen = name;
      } else if (place == places_.end() || place->second.offset < log_of(write.partition).stable_end) {
        sides.unseen = name;
      }
    }
    for (const auto& [number, transaction] : history_.transactions) {
      const Sides& sides = all[number];
      if (transaction.is_contradictory)
        add("told", "transaction {} was aborted, and then its commit succeeded", number);
      if (sides.seen && !may_be_seen(transaction.fate))
        add("transaction", "{} of transaction {}, which {}, is seen", describe(*sides.seen), number,
            told(transaction.fate));
      if (sides.unseen && transaction.fate == Fate::kCommitted)
        add("transaction", "{} of transaction {}, which {}, is not seen", describe(*sides.unseen),
            number, told(transaction.fate));
      if (sides.seen && sides.unseen && transaction.fate == Fate::kUnknown)
        add("transaction", "of transaction {}, which {}, {} is seen, and {} is not", number,
            told(transaction.fate), describe(*sides.seen), describe(*sides.unseen));
    }
  }

  void check_reading(const Reading& reading) {
    const std::string who = fmt::format("{} in {}", reading.reader, describe(reading.partition));
    check_that_offsets_rise(reading.entries, who);
    const std::vector<Entry>& all = log_of(reading.partition).all;
    const std::vector<Entry>& view = view_of(reading.partition, reading.isolation);
    for (const Entry& entry : reading.entries) {
      const Entry* const there = find(all, entry.offset);
      if (there == nullptr) {
        add("content", "{} read {} at offset {}, and it is gone", who, describe(entry.message),
            entry.offset);
      } else if (*there != entry) {
        add("content", "{} read {} at offset {}, where there is {}", who, describe(entry.message),
            entry.offset, describe(there->message));
      } else if (find(view, entry.offset) == nullptr) {
        add("isolation", "{} read {} at offset {}, which is not committed", who,
            describe(entry.message), entry.offset);
      }
    }
    if (reading.entries.empty()) return;
    const auto first =
        std::ranges::lower_bound(view, reading.entries.front().offset, {}, &Entry::offset);
    const auto behind =
        std::ranges::upper_bound(view, reading.entries.back().offset, {}, &Entry::offset);
    for (auto entry = first; entry < behind; ++entry) {
      if (find(reading.entries, entry->offset) == nullptr)
        add("order", "{} was not given {} at offset {}, but what stands around it", who,
            describe(entry->message), entry->offset);
    }
    if (reading.group.empty()) return;
    auto& [isolation, offsets] = read_[{reading.group, reading.partition}];
    isolation = reading.isolation;
    for (const Entry& entry : reading.entries) offsets.insert(entry.offset);
  }

  std::map<GroupPartition, GroupOffsets> collect_offsets() const {
    std::map<GroupPartition, GroupOffsets> all;
    for (const OffsetCommit& commit : history_.commits) {
      GroupOffsets& offsets = all[{commit.group, commit.partition}];
      const auto remember = [&] {
        const auto [asked, is_new] = offsets.asked.emplace(commit.offset, commit.began);
        if (!is_new) asked->second = std::min(asked->second, commit.began);
      };
      if (commit.transaction) {
        const auto there = history_.transactions.find(*commit.transaction);
        const Transaction transaction =
            there == history_.transactions.end() ? Transaction{} : there->second;
        if (may_be_seen(transaction.fate)) remember();
        if (transaction.fate == Fate::kCommitted && commit.is_answered)
          offsets.facts.push_back({transaction.ended, commit.offset});
      } else {
        remember();
        if (!commit.is_answered) continue;
        offsets.facts.push_back({commit.ended, commit.offset});
        offsets.later.push_back({commit.began, commit.offset});
      }
    }
    for (const OffsetSight& sight : history_.sights) {
      GroupOffsets& offsets = all[{sight.group, sight.partition}];
      offsets.facts.push_back({sight.ended, sight.offset});
      offsets.later.push_back({sight.began, sight.offset});
      offsets.sights.push_back(&sight);
    }
    return all;
  }

  void check_offsets() {
    for (auto& [group_partition, offsets] : collect_offsets()) {
      const auto& [group, partition] = group_partition;
      const std::string what = fmt::format("group {} in {}", group, describe(partition));
      std::ranges::sort(offsets.facts, {}, &Known::at);
      std::ranges::sort(offsets.later, {}, &Known::at);
      std::int64_t least = 0;
      auto fact = offsets.facts.begin();
      for (const Known& call : offsets.later) {
        for (; fact != offsets.facts.end() && fact->at < call.at; ++fact)
          least = std::max(least, fact->offset);
        if (call.offset < least)
          add("offset", "{}: {} at {}, after it had been {}", what, call.offset, call.at, least);
      }
      for (const OffsetSight* const sight : offsets.sights) {
        const auto asked = offsets.asked.find(sight->offset);
        if (asked == offsets.asked.end() || asked->second > sight->ended)
          add("offset", "{}: {} at {}, which nobody has committed", what, sight->offset, sight->ended);
      }
      for (; fact != offsets.facts.end(); ++fact) least = std::max(least, fact->offset);
      check_that_group_has_read(group_partition, what, least);
    }
  }

  void check_that_group_has_read(const GroupPartition& group_partition, const std::string& what,
                                 std::int64_t up_to) {
    // Groups whose offsets were made up have no readings.
    const bool is_reader = std::ranges::any_of(history_.readings, [&](const Reading& reading) {
      return reading.group == group_partition.first;
    });
    if (!is_reader || up_to == 0) return;
    const auto read = read_.find(group_partition);
    static const std::set<std::int64_t> nothing;
    const auto& offsets = read == read_.end() ? nothing : read->second.second;
    const Isolation isolation = read == read_.end() ? Isolation::kCommitted : read->second.first;
    for (const Entry& entry : view_of(group_partition.second, isolation)) {
      if (entry.offset < up_to && !offsets.contains(entry.offset))
        add("offset", "{}: {} was committed, and nobody has read {} at offset {}", what, up_to,
            describe(entry.message), entry.offset);
    }
  }

  void check_pipeline() {
    std::map<Partition, std::int64_t> done;  // by the last sight of each
    std::map<Partition, std::uint64_t> seen_at;
    for (const OffsetSight& sight : history_.sights) {
      if (sight.group != history_.pipeline) continue;
      if (seen_at[sight.partition] > sight.began) continue;
      seen_at[sight.partition] = sight.began;
      done[sight.partition] = sight.offset;
    }
    std::map<Place, int> made;
    for (const auto& [name, write] : history_.writes) {
      if (write.source && seen_.contains(name)) ++made[*write.source];
    }
    for (const auto& [place, count] : made) {
      if (count > 1)
        add("once", "of what stands at {}, {} committed messages were made", describe(place), count);
      if (find(log_of(place.partition).committed, place.offset) == nullptr)
        add("once", "of what stands at {}, and is not committed, a message was made", describe(place));
      if (place.offset >= done[place.partition])
        add("once", "of what stands at {} a message was made, and the group is at {}", describe(place),
            done[place.partition]);
    }
    for (const auto& [partition, up_to] : done) {
      for (const Entry& entry : log_of(partition).committed) {
        if (entry.offset < up_to && !made.contains({partition, entry.offset}))
          add("once", "of what stands at {} no message was made, and the group is at {}",
              describe(Place{partition, entry.offset}), up_to);
      }
    }
  }

  const History& history_;
  Verdict verdict_;
  std::map<std::string_view, std::uint64_t> count_of_rule_;  // by literals
  std::map<Name, Place> places_;                             // in the logs
  std::set<Name> seen_;                                      // by readers of committed messages
  std::map<GroupPartition, std::pair<Isolation, std::set<std::int64_t>>> read_;
};

}  // namespace

Verdict check_history(const History& history) { return Checker(history).run(); }

}  // namespace penstock::broker::testing::history
