#include "sim/clients.h"

#include <chrono>

#include "task/sync.h"

namespace penstock::sim {

namespace {

using std::chrono::microseconds;

constexpr std::uint64_t kMostDeletions = 4;
constexpr std::uint64_t kMostChanges = 4;
constexpr std::uint64_t kScrubBytesPerSecond = 64 * kMiB;

class Clients {
 public:
  Clients(Shard& shard, Activity activity)
      : shard_(shard), activity_(activity), left_(shard.scheduler) {}

  Task<void> run() {
    Random& random = shard_.random();
    producers_left_ = 1 + random.below(activity_.producers);
    for (std::uint64_t i = producers_left_; i > 0; --i) {
      start(produce(any_partition(), 1 + random.below(activity_.batches_per_producer)));
    }
    if (activity_.consumes && random.coin()) start(tail(any_partition()));
    if (activity_.consumes && random.coin()) start(catch_up(any_partition()));
    if (activity_.deletes && random.coin()) start(delete_now_and_then());
    if (activity_.scrubs && random.one_in(3)) start(scrub(any_partition()));
    if (activity_.searches_times && random.one_in(3)) start(search_times(any_partition()));
    if (activity_.compacts && random.one_in(3)) start(compact(any_partition()));
    if (activity_.changes && random.one_in(3)) start(change_now_and_then());
    if (activity_.destroys && random.one_in(6)) start(destroy(any_partition()));
    while (clients_left_ > 0) co_await left_.wait();
  }

 private:
  std::size_t any_partition() { return shard_.random().below(shard_.count()); }
  bool is_over() const { return shard_.is_over() || shard_.disk.steps() >= activity_.steps_max; }
  bool is_producing() const { return producers_left_ > 0 && !is_over(); }

  void start(Task<void> client) {
    ++clients_left_;
    shard_.scheduler.spawn(note_end(std::move(client)));
  }
  Task<void> note_end(Task<void> client) {
    co_await client;
    --clients_left_;
    left_.pulse();
  }
  Task<void> pause(std::uint64_t most_us) {
    co_await shard_.scheduler.sleep_for(
        microseconds(1 + shard_.random().below(most_us * activity_.pause_factor)));
  }

  Task<void> produce(std::size_t index, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count && !is_over(); ++i) {
      if (!co_await shard_.append(index, activity_.batch_bytes)) break;
      if (shard_.random().one_in(3)) co_await pause(2000);
    }
    --producers_left_;
  }

  // Follows the end, as a consumer that keeps up.
  Task<void> tail(std::size_t index) {
    Offset next;
    while (is_producing()) {
      co_await pause(800);
      const auto partition = shard_.served(index).partition;
      if (!partition) continue;
      const Offset end = partition->marks().high_watermark;
      if (next > end) next = end;  // created again
      while (next < end && !is_over() && shard_.served(index).partition == partition) {
        if (!co_await shard_.read_some(index, next, end)) break;
      }
    }
  }

  // Reads from the beginning, slowly, again and again.
  Task<void> catch_up(std::size_t index) {
    while (is_producing()) {
      co_await pause(3000);
      const auto partition = shard_.served(index).partition;
      if (!partition) continue;
      const log::Marks marks = partition->marks();
      Offset next = marks.log_start;
      // As long as it is the same one: it may be deleted and created again.
      while (next < marks.high_watermark && !is_over() && shard_.served(index).partition == partition) {
        if (!co_await shard_.read_some(index, next, marks.high_watermark)) break;
        if (shard_.random().one_in(4)) co_await pause(1000);
      }
    }
  }

  Task<void> delete_now_and_then() {
    for (std::uint64_t i = 0; i < kMostDeletions && is_producing(); ++i) {
      co_await pause(4000);
      const std::size_t index = any_partition();
      if (!shard_.served(index).partition) continue;
      const Offset end = shard_.served(index).partition->marks().high_watermark;
      const auto reach = static_cast<std::uint64_t>(end.value) + 1;
      log::Retention keep;
      switch (shard_.random().below(4)) {
        case 0: co_await shard_.delete_below(index, end); break;  // purge: everything
        case 1:
          co_await shard_.delete_below(index,
                                       Offset{static_cast<std::int64_t>(shard_.random().below(reach))});
          break;
        case 2:
          keep.bytes = shard_.random().below(200 * kKiB);
          co_await shard_.retain(index, keep);
          break;
        default:
          keep.time = microseconds(shard_.random().below(20'000));
          co_await shard_.retain(index, keep);
          break;
      }
    }
  }

  Task<void> scrub(std::size_t index) {
    while (is_producing()) {
      co_await pause(4000);
      const auto partition = shard_.served(index).partition;
      if (!partition) continue;
      Model& model = *shard_.served(index).model;
      const std::uint32_t generation = model.generation();
      auto scrubbed = co_await partition->scrub(kScrubBytesPerSecond);
      if (model.generation() != generation) continue;
      if (!scrubbed) {
        shard_.note_error(index, scrubbed.error(), "scrubbing");
        co_return;
      }
      shard_.counts().add("bytes scrubbed", scrubbed->verified_bytes);
      if (scrubbed->finding_count == 0) continue;
      shard_.counts().add("damage found by scrubbing", scrubbed->finding_count);
      model.miss(partition->marks().log_start, "scrubbing reports damage");
    }
  }

  Task<void> compact(std::size_t index) {
    while (is_producing()) {
      co_await pause(3000);
      co_await shard_.compact(index);
    }
  }

  Task<void> change_now_and_then() {
    for (std::uint64_t i = 0; i < kMostChanges && is_producing(); ++i) {
      co_await pause(4000);
      co_await shard_.change(any_partition());
    }
  }

  Task<void> search_times(std::size_t index) {
    while (is_producing()) {
      co_await pause(2000);
      const auto partition = shard_.served(index).partition;
      if (!partition) continue;
      Model& model = *shard_.served(index).model;
      const std::uint32_t generation = model.generation();
      const auto back_ms = static_cast<std::int64_t>(shard_.random().below(20));
      auto found = co_await partition->find_time(shard_.clock.wall_ms() - back_ms);
      if (model.generation() != generation) continue;
      if (!found && found.error().code() == ErrorCode::kCorrupt && !shard_.is_over()) {
        model.miss(partition->marks().log_start, found.error().message());
        continue;
      }
      if (!found) {
        shard_.note_error(index, found.error(), "searching by time");
        co_return;
      }
      if (!*found) continue;
      const ByteView batch = (*found)->view();
      Offset next;
      if (const auto header = log::BatchHeader::parse(batch)) {
        model.serve(header->base_offset, batch, next);
      } else {
        model.fail("a search by time served no batch");
      }
      shard_.counts().add("searches by time");
    }
  }

  Task<void> destroy(std::size_t index) {
    co_await pause(6000);
    if (!is_over()) co_await shard_.destroy(index);
  }

  Shard& shard_;
  Activity activity_;
  std::uint64_t producers_left_ = 0;
  std::uint64_t clients_left_ = 0;
  Event left_;
};

}  // namespace

Task<void> work(Shard& shard, Activity activity) {
  Clients clients(shard, activity);
  co_await clients.run();
}

}  // namespace penstock::sim
