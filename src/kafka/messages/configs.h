// What the requests about settings (DescribeConfigs, AlterConfigs, IncrementalAlterConfigs) call
// things.
//
// From the wire any number may come; one that is not named here is to be refused.
#pragma once

#include <cstdint>

namespace penstock::kafka {

// What a setting belongs to.
enum class ConfigResourceType : std::int8_t {
  kUnknown = 0,
  kTopic = 2,   // by its name
  kBroker = 4,  // by its id; the empty name stands for all brokers
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

// Where the value that holds comes from.
enum class ConfigSource : std::int8_t {
  kNotSaid = -1,
  kUnknown = 0,
  kDynamicTopicConfig = 1,
  kDynamicBrokerConfig = 2,
  kDynamicDefaultBrokerConfig = 3,
  kStaticBrokerConfig = 4,  // given to the server when it was started
  kDefaultConfig = 5,
  kDynamicBrokerLoggerConfig = 6,
  kClientMetricsConfig = 7,
  kGroupConfig = 8,
};

// How a value is to be read.
enum class ConfigType : std::int8_t {
  kUnknown = 0,
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,
};

// What to do with a setting; the last two are for lists.
enum class ConfigOperation : std::int8_t {
  kSet = 0,
  kDelete = 1,
  kAppend = 2,
  kSubtract = 3,
};

}  // namespace penstock::kafka
