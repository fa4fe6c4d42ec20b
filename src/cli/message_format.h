// MessageFormat: how `penstock consume` prints a message: kcat's placeholders, or JSON lines.
//
// Threading: a plain value.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "kafka/record.h"

namespace penstock::cli {

class MessageFormat {
 public:
  // "json", or text in which %s is the value, %S its size, %k and %K the same of the key, %t the topic,
  // %p the partition, %o the offset, %T the timestamp in ms, %h the headers (a=1,b=2), %% a percent
  // sign, and backslashes as in unescape(). Sizes of null are -1. Errors: kInvalidArgument.
  static Result<MessageFormat> parse(std::string_view text);

  // Adds `record` to `out`.
  void append(std::string& out, std::string_view topic, std::int32_t partition,
              const kafka::RecordView& record) const;

 private:
  // A placeholder's letter, or text as it is.
  using Part = std::variant<char, std::string>;

  void append_json(std::string& out, std::string_view topic, std::int32_t partition,
                   const kafka::RecordView& record) const;

  bool is_json_ = false;
  std::vector<Part> parts_;
};

}  // namespace penstock::cli
