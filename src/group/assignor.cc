#include "group/assignor.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <utility>

namespace penstock::group {

namespace {

using TopicIndexes = std::vector<std::size_t>;

// Balancing members that subscribe to different topics looks at so many pairs of a topic and a
// subscription and no more: some tens of milliseconds. Beyond it the assignment stays as good as it is.
constexpr std::size_t kMaxBalancingSteps = std::size_t{1} << 22;

// 0 .. count - 1 by what `key` says of each; those of which it says the same stay in order.
template <typename Key>
std::vector<std::size_t> sorted_by(std::size_t count, Key key) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&key](std::size_t index) { return std::pair(key(index), index); });
  return order;
}

// --- Range ---------------------------------------------------------------------------------------

std::vector<Assignment> assign_range(const AssignorInput& input) {
  const auto order =
      sorted_by(input.members.size(), [&input](std::size_t i) { return input.members[i].rank; });
  std::vector<std::vector<std::size_t>> readers(input.topics.size());
  for (const std::size_t member : order) {
    for (const std::size_t topic : input.subscriptions[input.members[member].subscription])
      readers[topic].push_back(member);
  }
  std::vector<Assignment> assigned(input.members.size());
  for (std::size_t topic = 0; topic < input.topics.size(); ++topic) {
    const std::size_t count = static_cast<std::size_t>(input.topics[topic].partition_count);
    const std::size_t share = readers[topic].empty() ? 0 : count / readers[topic].size();
    const std::size_t with_one_more = readers[topic].empty() ? 0 : count % readers[topic].size();
    std::int32_t next = 0;
    for (std::size_t i = 0; i < readers[topic].size(); ++i) {
      const std::size_t part = share + (i < with_one_more ? 1 : 0);
      for (std::size_t taken = 0; taken < part; ++taken)
        assigned[readers[topic][i]][input.topics[topic].id].insert(next++);
    }
  }
  return assigned;
}

// --- Uniform -------------------------------------------------------------------------------------

class UniformBuilder {
 public:
  explicit UniformBuilder(const AssignorInput& input)
      : input_(input), owned_(input.members.size()), load_(input.members.size()) {
    std::map<TopicIndexes, std::size_t> known;
    std::vector<std::size_t> class_of(input.subscriptions.size());
    for (std::size_t i = 0; i < input.subscriptions.size(); ++i) {
      class_of[i] = known.try_emplace(input.subscriptions[i], known.size()).first->second;
    }
    classes_.resize(known.size());
    for (const auto& [topics, index] : known) classes_[index].topics = topics;
    for (const AssignorInput::Member& member : input.members)
      class_of_.push_back(class_of[member.subscription]);
    for (std::size_t member = 0; member < class_of_.size(); ++member)
      classes_[class_of_[member]].member_count += 1;
    readers_.resize(input.topics.size());
    for (std::size_t index = 0; index < classes_.size(); ++index) {
      if (classes_[index].member_count == 0) continue;
      for (const std::size_t topic : classes_[index].topics) readers_[topic].push_back(index);
    }
    for (std::size_t topic = 0; topic < input.topics.size(); ++topic) {
      index_of_.emplace(input.topics[topic].id, topic);
      taken_.emplace_back(static_cast<std::size_t>(input.topics[topic].partition_count));
    }
  }

  std::vector<Assignment> build() && {
    keep_what_can_stay();
    const bool are_alike = has_one_class();
    if (are_alike) give_up_what_is_too_much();
    for (std::size_t member = 0; member < load_.size(); ++member)
      classes_[class_of_[member]].by_load.insert({load_[member], member});
    hand_out_what_is_free();
    if (!are_alike) balance();
    return std::move(owned_);
  }

 private:
  using ByLoad = std::set<std::pair<std::size_t, std::size_t>>;  // load, member
  // Members that subscribe to the same topics.
  struct Class {
    TopicIndexes topics;
    std::size_t member_count = 0;
    ByLoad by_load;
  };

  void keep_what_can_stay() {
    for (std::size_t member = 0; member < owned_.size(); ++member) {
      const Assignment* current = input_.members[member].current;
      if (current == nullptr) continue;
      const TopicIndexes& subscribed = classes_[class_of_[member]].topics;
      for (const auto& [id, partitions] : *current) {
        const auto topic = index_of_.find(id);
        if (topic == index_of_.end() || !std::ranges::binary_search(subscribed, topic->second))
          continue;
        for (const std::int32_t partition : partitions) take(member, topic->second, partition);
      }
    }
  }

  void take(std::size_t member, std::size_t topic, std::int32_t partition) {
    const auto index = static_cast<std::size_t>(partition);
    if (partition < 0 || index >= taken_[topic].size() || taken_[topic][index]) return;
    taken_[topic][index] = true;
    owned_[member][input_.topics[topic].id].insert(partition);
    ++load_[member];
  }

  bool has_one_class() const {
    return std::ranges::count_if(classes_, [](const Class& of) {
             return of.member_count > 0 && !of.topics.empty();
           }) <= 1;
  }

  // With the same subscription for all, the shares are known: those that have most keep one more.
  void give_up_what_is_too_much() {
    std::vector<std::size_t> order = most_loaded_first();
    std::erase_if(order,
                  [this](std::size_t member) { return classes_[class_of_[member]].topics.empty(); });
    if (order.empty()) return;
    std::size_t total = 0;
    for (const std::size_t topic : classes_[class_of_[order.front()]].topics)
      total += taken_[topic].size();
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t share = total / order.size() + (i < total % order.size() ? 1 : 0);
      while (load_[order[i]] > share) {
        auto topic = std::prev(owned_[order[i]].end());
        give_up(order[i], index_of_.at(topic->first), *topic->second.rbegin());
      }
    }
  }

  void give_up(std::size_t member, std::size_t topic, std::int32_t partition) {
    const auto owned = owned_[member].find(input_.topics[topic].id);
    owned->second.erase(partition);
    if (owned->second.empty()) owned_[member].erase(owned);
    taken_[topic][static_cast<std::size_t>(partition)] = false;
    --load_[member];
  }

  // Topics that few can read come first.
  void hand_out_what_is_free() {
    const auto reader_count = [this](std::size_t topic) {
      std::size_t count = 0;
      for (const std::size_t index : readers_[topic]) count += classes_[index].member_count;
      return count;
    };
    std::vector<std::size_t> counts;
    for (std::size_t topic = 0; topic < input_.topics.size(); ++topic)
      counts.push_back(reader_count(topic));
    for (const std::size_t topic : sorted_by(counts.size(), [&](std::size_t i) { return counts[i]; }))
      hand_out(topic);
  }

  std::vector<std::size_t> most_loaded_first() const {
    const std::size_t most = load_.empty() ? 0 : std::ranges::max(load_);
    return sorted_by(load_.size(), [&](std::size_t member) { return most - load_[member]; });
  }

  // Each partition to whoever has least. Only the class of the one that got it changes, so one entry
  // per class is enough to find the next.
  void hand_out(std::size_t topic) {
    if (readers_[topic].empty()) return;
    using Entry = std::pair<ByLoad::value_type, std::size_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> least;
    for (const std::size_t index : readers_[topic])
      least.emplace(*classes_[index].by_load.begin(), index);
    for (std::size_t partition = 0; partition < taken_[topic].size(); ++partition) {
      if (taken_[topic][partition]) continue;
      const auto [reader, index] = least.top();
      least.pop();
      move_in_class(reader.second, [&] { take(reader.second, topic, static_cast<int>(partition)); });
      least.emplace(*classes_[index].by_load.begin(), index);
    }
  }

  template <typename Step>
  void move_in_class(std::size_t member, Step step) {
    ByLoad& by_load = classes_[class_of_[member]].by_load;
    by_load.erase({load_[member], member});
    step();
    by_load.insert({load_[member], member});
  }

  // Moves partitions from members that have more to others that may have them, as long as one of the
  // two is better off for it.
  void balance() {
    std::size_t steps_left = kMaxBalancingSteps;
    for (bool has_moved = true; has_moved && steps_left > 0;) {
      has_moved = false;
      for (const std::size_t member : most_loaded_first()) has_moved |= relieve(member, steps_left);
    }
  }

  bool relieve(std::size_t member, std::size_t& steps_left) {
    bool has_moved = false;
    const Assignment before = owned_[member];
    for (const auto& [id, partitions] : before) {
      const std::size_t topic = index_of_.at(id);
      for (const std::int32_t partition : partitions) {
        if (steps_left < readers_[topic].size()) {
          steps_left = 0;
          return has_moved;
        }
        steps_left -= readers_[topic].size();
        const std::size_t other = least_loaded_reader(topic);
        if (load_[other] + 1 >= load_[member]) break;
        move_in_class(member, [&] { give_up(member, topic, partition); });
        move_in_class(other, [&] { take(other, topic, partition); });
        has_moved = true;
      }
    }
    return has_moved;
  }

  std::size_t least_loaded_reader(std::size_t topic) const {
    const std::size_t index = *std::ranges::min_element(
        readers_[topic], {}, [this](std::size_t of) { return *classes_[of].by_load.begin(); });
    return classes_[index].by_load.begin()->second;
  }

  const AssignorInput& input_;
  std::vector<Assignment> owned_;  // of each member
  std::vector<std::size_t> load_;  // of each member: how many partitions
  std::vector<std::size_t> class_of_;
  std::vector<Class> classes_;
  std::vector<std::vector<std::size_t>> readers_;  // of each topic: classes with members
  std::map<kafka::Uuid, std::size_t> index_of_;
  std::vector<std::vector<bool>> taken_;  // of each topic, of each partition
};

}  // namespace

std::string_view to_string(Assignor assignor) {
  switch (assignor) {
    case Assignor::kUniform: return "uniform";
    case Assignor::kRange: return "range";
  }
  return "unknown";
}

std::optional<Assignor> assignor_named(std::string_view name) {
  for (const Assignor assignor : {Assignor::kUniform, Assignor::kRange}) {
    if (name == to_string(assignor)) return assignor;
  }
  return std::nullopt;
}

std::vector<Assignment> assign(Assignor assignor, const AssignorInput& input) {
  if (assignor == Assignor::kRange) return assign_range(input);
  return UniformBuilder(input).build();
}

}  // namespace penstock::group
