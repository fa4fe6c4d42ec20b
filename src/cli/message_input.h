// MessageInput: cuts a stream of bytes into messages, at delimiters.
//
// What is behind the last delimiter is a message too, unless it is empty. The bytes of a message wait
// here until its delimiter is there, so a message has a largest size.
//
// Ownership: owns the bytes; messages are views into them. Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/units.h"

namespace penstock::cli {

struct MessageInputOptions {
  std::string delimiter = "\n";
  // In front of it is the key. A message without it has no key.
  std::optional<std::string> key_delimiter{};
  // A value that is exactly this is sent as null: a tombstone.
  std::optional<std::string> null_value{};
  std::size_t max_message_bytes = 64 * kMiB;
};

struct InputMessage {
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  std::uint64_t line = 0;  // the first message is 1
};

class MessageInput {
 public:
  explicit MessageInput(MessageInputOptions options) : options_(std::move(options)) {}

  // Room for more bytes, of which took() tells how many were filled. Messages from before are no longer
  // valid.
  MutableBytes room();
  void took(std::size_t bytes);
  // No more bytes come.
  void end() { ended_ = true; }

  // The next message; nullopt when more bytes are needed, or after the last one. Errors: kTooLarge,
  // with the message's number.
  Result<std::optional<InputMessage>> next();
  // Whether next() has given everything there will ever be.
  bool is_exhausted() const { return ended_ && at_ == used_; }

 private:
  InputMessage to_message(ByteView bytes);

  MessageInputOptions options_;
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;        // where the next message begins
  std::size_t searched_ = 0;  // no delimiter begins in front of this
  std::size_t used_ = 0;
  std::uint64_t line_ = 0;
  bool ended_ = false;
};

// The text in which \n, \r, \t, \0, \\ and \xHH stand for one byte each. Errors: kInvalidArgument.
Result<std::string> unescape(std::string_view text);

}  // namespace penstock::cli
