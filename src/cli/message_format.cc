#include "cli/message_format.h"

#include <nlohmann/json.hpp>

#include "cli/message_input.h"

namespace penstock::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kJson = "json";
constexpr std::string_view kPlaceholders = "sSkKtpoTh";

std::string_view text_of(const std::optional<ByteView>& bytes) {
  return bytes ? as_text(*bytes) : std::string_view();
}

std::int64_t size_of(const std::optional<ByteView>& bytes) {
  return bytes ? static_cast<std::int64_t>(bytes->size()) : -1;
}

std::string headers_of(const kafka::RecordView& record) {
  std::string text;
  for (const kafka::RecordHeaderView& header : record.headers()) {
    if (!text.empty()) text += ',';
    text += fmt::format("{}={}", as_text(header.key), header.value ? as_text(*header.value) : "NULL");
  }
  return text;
}

std::string base64(ByteView bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr std::size_t kGroupBytes = 3;
  constexpr unsigned kDigitMask = 0x3F;
  std::string text;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kGroupBytes))) {
    unsigned group = 0;
    for (std::size_t i = 0; i < kGroupBytes; ++i)
      group = (group << 8) | (i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0);
    for (std::size_t i = 0; i <= kGroupBytes; ++i)
      text += i <= bytes.size() ? kDigits[(group >> (6 * (kGroupBytes - i))) & kDigitMask] : '=';
  }
  return text;
}

// UTF-8 as the standard has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  struct Form {
    unsigned mask, lead, first, last;
    std::size_t more;
  };
  constexpr std::array kForms = {Form{0x80, 0x00, 0, 0x7F, 0}, Form{0xE0, 0xC0, 0x80, 0x7FF, 1},
                                 Form{0xF0, 0xE0, 0x800, 0xFFFF, 2},
                                 Form{0xF8, 0xF0, 0x10000, 0x10FFFF, 3}};
  constexpr unsigned kContinuationMask = 0xC0;
  constexpr unsigned kContinuation = 0x80;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const auto* form =
        std::ranges::find_if(kForms, [lead](const Form& f) { return (lead & f.mask) == f.lead; });
    if (form == kForms.end() || text.size() <= form->more) return false;
    unsigned code = lead & ~form->mask;
    for (std::size_t i = 1; i <= form->more; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if ((byte & kContinuationMask) != kContinuation) return false;
      code = (code << 6) | (byte & ~kContinuationMask);
    }
    const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code < form->first || code > form->last || is_surrogate) return false;
    text.remove_prefix(form->more + 1);
  }
  return true;
}

// Text as it is; what is not UTF-8 under another name, in Base64.
void set_bytes(Json& json, const std::string& name, const std::optional<ByteView>& bytes) {
  if (!bytes) {
    json[name] = nullptr;
  } else if (is_utf8(as_text(*bytes))) {
    json[name] = as_text(*bytes);
  } else {
    json[name + "_base64"] = base64(*bytes);
  }
}

}  // namespace

Result<MessageFormat> MessageFormat::parse(std::string_view text) {
  MessageFormat format;
  format.is_json_ = text == kJson;
  if (format.is_json_) return format;
  const auto plain = unescape(text);
  if (!plain) return Unexpected(plain.error());
  std::string literal;
  for (std::size_t i = 0; i < plain->size(); ++i) {
    if ((*plain)[i] != '%') {
      literal += (*plain)[i];
      continue;
    }
    const char letter = ++i < plain->size() ? (*plain)[i] : '\0';
    if (letter == '%') {
      literal += '%';
      continue;
    }
    if (letter == '\0' || !kPlaceholders.contains(letter)) {
      return fail(ErrorCode::kInvalidArgument,
                  "'{}' has a % that is none of %s %S %k %K %t %p %o %T %h %%; or write 'json'", text);
    }
    if (!literal.empty()) format.parts_.emplace_back(std::exchange(literal, ""));
    format.parts_.emplace_back(letter);
  }
  if (!literal.empty()) format.parts_.emplace_back(literal);
  return format;
}

void MessageFormat::append(std::string& out, std::string_view topic, std::int32_t partition,
                           const kafka::RecordView& record) const {
  if (is_json_) return append_json(out, topic, partition, record);
  for (const Part& part : parts_) {
    if (const auto* literal = std::get_if<std::string>(&part)) {
      out += *literal;
      continue;
    }
    switch (std::get<char>(part)) {
      case 's': out += text_of(record.value); break;
      case 'S': fmt::format_to(std::back_inserter(out), "{}", size_of(record.value)); break;
      case 'k': out += text_of(record.key); break;
      case 'K': fmt::format_to(std::back_inserter(out), "{}", size_of(record.key)); break;
      case 't': out += topic; break;
      case 'p': fmt::format_to(std::back_inserter(out), "{}", partition); break;
      case 'o': fmt::format_to(std::back_inserter(out), "{}", record.offset); break;
      case 'T': fmt::format_to(std::back_inserter(out), "{}", record.timestamp_ms); break;
      default: out += headers_of(record); break;
    }
  }
}

void MessageFormat::append_json(std::string& out, std::string_view topic, std::int32_t partition,
                                const kafka::RecordView& record) const {
  Json json = {{"topic", topic},
               {"partition", partition},
               {"offset", record.offset.value},
               {"timestamp_ms", record.timestamp_ms}};
  set_bytes(json, "key", record.key);
  set_bytes(json, "value", record.value);
  if (record.header_count > 0) {
    Json& headers = json["headers"] = Json::array();
    for (const kafka::RecordHeaderView& header : record.headers()) {
      Json& added = headers.emplace_back(Json::object());
      set_bytes(added, "name", header.key);
      set_bytes(added, "value", header.value);
    }
  }
  out += json.dump();
  out += '\n';
}

}  // namespace penstock::cli
