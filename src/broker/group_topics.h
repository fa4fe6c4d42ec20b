// GroupTopics: the broker's topics, as consumer groups ask for them.
#pragma once

#include "group/topics.h"

namespace penstock::broker {

class Broker;

class GroupTopics final : public group::Topics {
 public:
  explicit GroupTopics(const Broker& broker) : broker_(broker) {}

  std::uint64_t version() const override;
  std::optional<Topic> find(std::string_view name) const override;
  std::optional<Topic> find(const kafka::Uuid& id) const override;

 private:
  const Broker& broker_;
};

}  // namespace penstock::broker
