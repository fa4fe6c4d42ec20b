// A device that says success and has lost a write, put it elsewhere, or read from elsewhere: also
// across files. In whole lives of several partitions: each is lied to on its own, at most once per
// life.
//
// Nothing wrong is ever served. What is missing is reported, with one exception that docs/durability.md
// names: what nothing behind it testifies for (see Model::testified_end()). A partition that was not
// lied to notices nothing.

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "sim/campaigns.h"
#include "sim/lives.h"

namespace penstock::sim {

namespace {

// Of the calls of one kind to a partition's files, the lie is one of the first so many.
constexpr std::uint64_t kReach = 25;
// Longer than any call takes.
constexpr Duration kCallEnds = std::chrono::milliseconds(1);
constexpr std::string_view kPool = "/data/pool/";

enum class Kind { kLost, kMisdirected, kMisdirectedAcross, kReadElsewhere, kReadAcross };
constexpr std::array kKinds = {Kind::kLost, Kind::kMisdirected, Kind::kMisdirectedAcross,
                               Kind::kReadElsewhere, Kind::kReadAcross};

class LiesCase {
 public:
  LiesCase(CaseResult& result, std::uint64_t number) : result_(result), random_(~number) {}

  void run(std::uint64_t number, const CaseOptions& options) {
    LivesOptions lives;
    // What a batch topic acknowledges testifies for nothing in front of it.
    lives.commit_policies = CommitPolicies::kSync;
    lives.most_lives = 3;
    lives.most_partitions = 4;
    lives.adjust = [this](log::testing::LogShardOptions& shard, Random&) {
      shard_ = nullptr;
      shard.disk.on_call = [this](const SimCall& call) { return lie(call); };
    };
    lives.at_start = [this](Shard& shard) { prepare(shard); };
    run_lives(number, lives, options, result_);
  }

 private:
  struct Plan {
    Kind kind;
    std::uint64_t calls_before;
    bool is_done = false;
  };

  void prepare(Shard& shard) {
    shard_ = &shard;
    shard.excuse([&shard](std::size_t partition, const Error& error) {
      // Its newest segment is unreadable: said at its start, and the reason why it takes no appends.
      const auto& served = shard.served(partition);
      if (!served.model->may_report_damage()) return false;
      const bool is_fenced = error.code() == ErrorCode::kFenced;
      if (is_fenced) {
        return served.partition && !served.partition->recovery_report().findings.empty();
      }
      // Or the header of a new segment was lost: noticed before it is used.
      return error.code() == ErrorCode::kIo;
    });
    plans_.clear();
    // One more for the files of the pool, which are nobody's yet.
    for (std::size_t i = 0; i <= shard.count(); ++i) {
      plans_.push_back({.kind = kKinds[random_.below(kKinds.size())],
                        .calls_before = random_.below(kReach),
                        .is_done = random_.coin()});
    }
  }

  // Whose file it is: a partition's, or the pool's, which comes behind them.
  std::optional<std::size_t> owner_of(std::string_view path) const {
    for (std::size_t i = 0; i < shard_->count(); ++i) {
      const std::string& directory = shard_->served(i).directory;
      if (path.starts_with(directory) && path.substr(directory.size()).starts_with('/')) return i;
    }
    if (path.starts_with(kPool)) return shard_->count();
    return std::nullopt;
  }

  std::optional<SimFault> lie(const SimCall& call) {
    const bool is_transfer = call.op == SimOp::kRead || call.op == SimOp::kWrite;
    if (shard_ == nullptr || !is_transfer) return std::nullopt;
    const SimStorage& storage = shard_->storage();
    const std::string path = storage.path_of(*call.file);
    const auto owner = owner_of(path);
    if (!owner) return std::nullopt;
    Plan& plan = plans_[*owner];
    const bool is_read = plan.kind == Kind::kReadElsewhere || plan.kind == Kind::kReadAcross;
    if (plan.is_done || is_read != (call.op == SimOp::kRead)) return std::nullopt;
    const std::size_t pool = shard_->count();
    if (is_read && *owner == pool) return std::nullopt;  // nobody reads the pool's files
    // One at a time: what a lost write has left is damage, and a recovery that looks for what lies
    // behind damage believes its second look.
    const bool recovers = is_read && !shard_->served(*owner).partition;
    if (recovers && plans_[pool].is_done) return std::nullopt;
    if (plan.calls_before > 0) {
      --plan.calls_before;
      return std::nullopt;
    }
    plan.is_done = true;
    return is_read ? lie_to_reader(plan.kind, call, path, *owner)
                   : lie_to_writer(plan.kind, call, path, *owner);
  }

  SimFault lie_to_reader(Kind kind, const SimCall& call, const std::string& path, std::size_t owner) {
    SimFault fault{.op = call.op, .kind = SimFaultKind::kMisdirected};
    if (kind == Kind::kReadAcross) fault.misdirected_path = other_file(path, call.length_bytes);
    result_.counts.add(kind == Kind::kReadAcross ? "reads from another file" : "reads from elsewhere");
    shard_->served(owner).model->note_false_read();
    return fault;
  }

  SimFault lie_to_writer(Kind kind, const SimCall& call, const std::string& path, std::size_t owner) {
    SimFault fault{.op = call.op, .kind = SimFaultKind::kMisdirected};
    switch (kind) {
      case Kind::kLost:
        fault.kind = SimFaultKind::kLost;
        result_.counts.add("writes lost");
        break;
      case Kind::kMisdirectedAcross:
        fault.misdirected_path = other_file(path, call.length_bytes);
        result_.counts.add("writes to another file");
        break;
      default: result_.counts.add("writes elsewhere"); break;
    }
    taint(owner, call.position);
    if (!fault.misdirected_path.empty()) {
      const std::uint64_t size_bytes = shard_->storage().info(fault.misdirected_path)->size_bytes;
      const std::uint64_t places = (size_bytes - call.length_bytes) / kBlockBytes + 1;
      fault.misdirected_to = FilePosition{random_.below(places) * kBlockBytes};
      if (const auto hit = owner_of(fault.misdirected_path)) taint(*hit, fault.misdirected_to->value);
    }
    return fault;
  }

  // Another file that is large enough; empty when there is none.
  std::string other_file(const std::string& path, std::uint64_t length_bytes) {
    std::vector<std::string> fitting;
    for (std::string& other : shard_->storage().files()) {
      if (other != path && shard_->storage().info(other)->size_bytes >= length_bytes)
        fitting.push_back(std::move(other));
    }
    return fitting.empty() ? "" : fitting[random_.below(fitting.size())];
  }

  // What is in a file of the pool is no partition's, but for the header: that is written just before
  // the file gets its name, and for whom cannot be seen.
  void taint(std::size_t owner, std::uint64_t position) {
    if (owner < shard_->count()) {
      note_lie(owner);
    } else if (position < log::kFirstCommit.value) {
      for (std::size_t i = 0; i < shard_->count(); ++i) note_lie(i);
    }
  }

  // Now, and when the call has ended: what is sent before then may be what it hits.
  void note_lie(std::size_t owner) {
    Model& model = *shard_->served(owner).model;
    model.note_lie();
    shard_->scheduler.spawn(note_later(*shard_, model, model.generation()));
  }
  static Task<void> note_later(Shard& shard, Model& model, std::uint32_t generation) {
    co_await shard.scheduler.sleep_for(kCallEnds);
    if (model.generation() == generation) model.note_lie();
  }

  CaseResult& result_;
  Random random_;
  Shard* shard_ = nullptr;
  std::vector<Plan> plans_;
};

class LiesCampaign final : public Campaign {
 public:
  std::string_view name() const override { return "lies"; }
  std::string_view summary() const override {
    return "writes lost or misdirected, reads misdirected, also across files, in whole lives";
  }
  std::uint64_t full_cases() const override { return 100'000; }
  std::uint64_t test_cases() const override { return 1500; }
  std::vector<std::string_view> must_meet() const override {
    return {"writes lost",
            "writes elsewhere",
            "writes to another file",
            "reads from elsewhere",
            "reads from another file",
            "damage found by recovery",
            "damage found by readers",
            "damage found by scrubbing",
            "batches acknowledged"};
  }
  void run_case(std::uint64_t number, const CaseOptions& options, CaseResult& result) override {
    LiesCase(result, number).run(number, options);
  }
};

}  // namespace

Campaign& lies() {
  static LiesCampaign campaign;
  return campaign;
}

}  // namespace penstock::sim
