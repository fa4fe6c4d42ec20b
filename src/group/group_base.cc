#include "group/group_base.h"

#include "group/consumer_records.h"

namespace penstock::group {

std::string_view to_string(GroupType type) {
  switch (type) {
    case GroupType::kClassic: return "classic";
    case GroupType::kConsumer: return "consumer";
  }
  return "unknown";
}

void erase_records(catalog::Change& change, const std::string& group) {
  change.erase(group_key(group));
  change.erase(consumer_group_key(group));
  change.erase_prefix(consumer_member_prefix(group));
}

}  // namespace penstock::group
