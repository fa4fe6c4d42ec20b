#include "kafka/consumer_protocol.h"

#include "kafka/reader.h"
#include "kafka/writer.h"

namespace penstock::kafka {

namespace {

constexpr std::int16_t kWrittenVersion = 0;
constexpr bool kNotCompact = false;

std::string read_name(Reader& reader) {
  const auto name = reader.string(kNotCompact);
  if (!name) reader.fail(ErrorCode::kCorrupt, "null, which a name may not be");
  return std::string(as_text(name.value_or(ByteView())));
}

// The elements follow; there are no more of them than bytes are left.
std::uint32_t read_count(Reader& reader) {
  const auto count = reader.array_count(kNotCompact);
  if (!count) reader.fail(ErrorCode::kCorrupt, "null, which a list may not be");
  return count.value_or(0);
}

void read_version(Reader& reader) {
  reader.set_field("Version");
  if (reader.integer<std::int16_t>() < 0) reader.fail(ErrorCode::kCorrupt, "negative");
}

void read_user_data(Reader& reader) {
  reader.set_field("UserData");
  static_cast<void>(reader.bytes(kNotCompact));
}

ConsumerAssignment::Topic read_topic(Reader& reader) {
  ConsumerAssignment::Topic topic{.name = read_name(reader)};
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    topic.partitions.push_back(reader.integer<std::int32_t>());
  return topic;
}

}  // namespace

std::vector<std::byte> encode(const ConsumerSubscription& subscription) {
  Writer writer;
  writer.integer(kWrittenVersion);
  writer.array_count(subscription.topics.size(), kNotCompact);
  for (const std::string& topic : subscription.topics) writer.string(topic, kNotCompact);
  writer.bytes(std::nullopt, kNotCompact);  // user data
  return std::move(writer).take_bytes();
}

std::vector<std::byte> encode(const ConsumerAssignment& assignment) {
  Writer writer;
  writer.integer(kWrittenVersion);
  writer.array_count(assignment.topics.size(), kNotCompact);
  for (const ConsumerAssignment::Topic& topic : assignment.topics) {
    writer.string(topic.name, kNotCompact);
    writer.array_count(topic.partitions.size(), kNotCompact);
    for (const std::int32_t partition : topic.partitions) writer.integer(partition);
  }
  writer.bytes(std::nullopt, kNotCompact);  // user data
  return std::move(writer).take_bytes();
}

Result<ConsumerSubscription> decode_subscription(ByteView bytes) {
  Reader reader(bytes);
  read_version(reader);
  reader.set_field("Topics");
  ConsumerSubscription subscription;
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    subscription.topics.push_back(read_name(reader));
  read_user_data(reader);
  if (!reader.ok()) return Unexpected(reader.error().context("a member's subscription"));
  return subscription;
}

Result<ConsumerAssignment> decode_assignment(ByteView bytes) {
  ConsumerAssignment assignment;
  if (bytes.empty()) return assignment;
  Reader reader(bytes);
  read_version(reader);
  reader.set_field("AssignedPartitions");
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    assignment.topics.push_back(read_topic(reader));
  read_user_data(reader);
  if (!reader.ok()) return Unexpected(reader.error().context("the assignment by the group's leader"));
  return assignment;
}

}  // namespace penstock::kafka
