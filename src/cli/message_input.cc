#include "cli/message_input.h"

#include <algorithm>
#include <charconv>

namespace penstock::cli {

namespace {

constexpr std::size_t kReadBytes = 256 * kKiB;

}  // namespace

MutableBytes MessageInput::room() {
  const std::size_t waiting = used_ - at_;
  if (at_ > 0) {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), waiting, bytes_.begin());
    searched_ -= at_;
    at_ = 0;
    used_ = waiting;
  }
  if (bytes_.size() < used_ + kReadBytes)
    bytes_.resize(std::max(bytes_.size() * 2, used_ + kReadBytes));
  return MutableBytes(bytes_).subspan(used_);
}

void MessageInput::took(std::size_t bytes) { used_ += bytes; }

Result<std::optional<InputMessage>> MessageInput::next() {
  const std::string_view all = as_text(ByteView(bytes_).first(used_));
  const std::size_t found = all.find(options_.delimiter, searched_);
  const bool is_last = found == std::string_view::npos && ended_ && at_ < used_;
  const std::size_t end = found == std::string_view::npos ? used_ : found;
  if (end - at_ > options_.max_message_bytes) {
    return fail(
        ErrorCode::kTooLarge,
        "message {} has more than {} bytes, the most that this command sends; is --delimiter right?",
        line_ + 1, options_.max_message_bytes);
  }
  if (found == std::string_view::npos && !is_last) {
    // A delimiter may have begun at the end of what is there.
    const std::size_t tail = std::min(used_ - at_, options_.delimiter.size() - 1);
    searched_ = std::max(searched_, used_ - tail);
    return std::nullopt;
  }
  const ByteView bytes = ByteView(bytes_).subspan(at_, end - at_);
  at_ = is_last ? used_ : end + options_.delimiter.size();
  searched_ = at_;
  return to_message(bytes);
}

InputMessage MessageInput::to_message(ByteView bytes) {
  InputMessage message{.key = {}, .value = bytes, .line = ++line_};
  if (options_.key_delimiter) {
    const std::size_t found = as_text(bytes).find(*options_.key_delimiter);
    if (found != std::string_view::npos) {
      message.key = bytes.first(found);
      message.value = bytes.subspan(found + options_.key_delimiter->size());
    }
  }
  if (options_.null_value && as_text(*message.value) == *options_.null_value) message.value.reset();
  return message;
}

Result<std::string> unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const char kind = i + 1 < text.size() ? text[++i] : '\0';
    unsigned code = 0;
    switch (kind) {
      case 'n': plain += '\n'; break;
      case 'r': plain += '\r'; break;
      case 't': plain += '\t'; break;
      case '0': plain += '\0'; break;
      case '\\': plain += '\\'; break;
      case 'x': {
        const std::string_view digits = text.substr(i + 1, 2);
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
        if (digits.size() == 2 && parsed.ptr == digits.data() + digits.size()) {
          plain += static_cast<char>(code);
          i += 2;
          break;
        }
        [[fallthrough]];
      }
      default:
        return fail(ErrorCode::kInvalidArgument,
                    "'{}' has a backslash that is none of \\n, \\r, \\t, \\0, \\\\ and \\xHH", text);
    }
  }
  return plain;
}

}  // namespace penstock::cli
