#include "group/group_memory.h"

namespace penstock::group {

bool GroupMemory::admit(std::uint64_t bytes, std::uint64_t earlier_bytes) {
  if (bytes <= earlier_bytes) return true;
  const std::uint64_t more_bytes = bytes - earlier_bytes;
  if (!has_room_for(more_bytes) && scheduler_.now() >= next_count_) {
    used_bytes_ = count_();
    next_count_ = scheduler_.now() + kCountEvery;
  }
  if (!has_room_for(more_bytes)) {
    ++refused_count_;
    return false;
  }
  used_bytes_ += more_bytes;
  return true;
}

std::uint64_t held_bytes(const std::vector<Protocol>& protocols) {
  std::uint64_t bytes = 0;
  for (const Protocol& protocol : protocols)
    bytes += sizeof(Protocol) + protocol.name.size() + protocol.metadata.size();
  return bytes;
}

std::uint64_t held_bytes(const std::set<std::string>& names) {
  std::uint64_t bytes = 0;
  for (const std::string& name : names) bytes += 2 * sizeof(std::string) + name.size();
  return bytes;
}

std::uint64_t held_bytes(const TopicPartition& partition, const OffsetRecord& record) {
  return kEntryBytes + partition.topic.size() + record.metadata.size();
}

std::uint64_t held_bytes(const std::map<TopicPartition, OffsetRecord>& offsets) {
  std::uint64_t bytes = 0;
  for (const auto& [partition, record] : offsets) bytes += held_bytes(partition, record);
  return bytes;
}

std::uint64_t held_bytes(const std::vector<MemberAssignment>& assignments) {
  std::uint64_t bytes = 0;
  for (const MemberAssignment& of : assignments) bytes += of.assignment.size();
  return bytes;
}

std::uint64_t held_bytes(const JoinRequest& request) {
  return kEntryBytes + request.client_id.size() + request.member.instance_id.value_or("").size() +
         held_bytes(request.protocols);
}

std::uint64_t held_bytes(const ConsumerHeartbeat& request) {
  return kEntryBytes + request.client_id.size() + request.member.instance_id.value_or("").size() +
         request.rack_id.value_or("").size() +
         (request.topic_names ? held_bytes(*request.topic_names) : 0);
}

}  // namespace penstock::group
