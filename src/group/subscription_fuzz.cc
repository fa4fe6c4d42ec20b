// Whatever a consumer says of itself when it joins, and an earlier life of the server left: the topics
// that it consumes are read or not known, and a group's record is decoded or refused.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "catalog/testing/memory_catalog.h"
#include "group/group.h"
#include "task/sim_reactor.h"

namespace penstock::group {
namespace {

class NoTopics final : public Topics {
 public:
  std::uint64_t version() const override { return 1; }
  std::optional<Topic> find(std::string_view) const override { return std::nullopt; }
  std::optional<Topic> find(const kafka::Uuid&) const override { return std::nullopt; }
};

// What a group needs around it, and never uses here.
struct Surroundings {
  ManualClock clock;
  SimReactor reactor{clock};
  Scheduler scheduler{clock, reactor};
  catalog::testing::MemoryCatalogStorage storage;
  catalog::testing::MemoryCatalog catalog{storage};
  Random random{1};
  GroupSettings settings;
  NoTopics topics;
  Gate background{scheduler};
  std::uint64_t rebalances = 0;
};

void try_subscription(Surroundings& around, ByteView bytes) {
  MemberRecord member;
  member.member_id = "member";
  member.session_timeout_ms = 10'000;
  member.protocols.push_back({"range", {bytes.begin(), bytes.end()}});
  GroupRecord record;
  record.protocol_type = "consumer";
  record.protocol = "range";
  record.members.push_back(std::move(member));
  const GroupContext context{around.scheduler, around.catalog,    around.random,    around.settings,
                             around.topics,    around.background, around.rebalances};
  const auto group = std::make_shared<Group>(context, "group", std::move(record));
  const auto topics = group->subscribed_topics();
  std::size_t topic_bytes = 0;
  if (topics) {
    for (const std::string& topic : *topics) topic_bytes += topic.size();
  }
  PENSTOCK_ASSERT(topic_bytes <= bytes.size(), "topics are a part of what was said");
  group->end(kafka::KafkaError::kNotCoordinator);
}

void try_record(ByteView bytes) {
  const auto record = decode_group(as_text(bytes));
  if (!record) return;
  const auto again = decode_group(encode(*record));
  PENSTOCK_ASSERT(again && encode(*again) == encode(*record),
                  "a group's record changes when it is kept");
}

}  // namespace
}  // namespace penstock::group

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static penstock::group::Surroundings around;
  const auto bytes = std::as_bytes(std::span(data, size));
  penstock::group::try_subscription(around, bytes);
  penstock::group::try_record(bytes);
  return 0;
}
