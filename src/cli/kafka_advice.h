// What a person should do about an error that a broker answered with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kafka/errors.h"

namespace penstock::cli {

// An error whose message names Kafka's error, what the broker said about it, and what to do:
// "create topic 'orders': TOPIC_ALREADY_EXISTS (there is one). Choose another name, or ...".
Error to_error(kafka::KafkaError error, std::string_view doing,
               const std::optional<std::string>& broker_message = std::nullopt);

}  // namespace penstock::cli
