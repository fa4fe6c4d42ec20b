// The three visitors over a message's fields(): Decoder, Encoder and Sizer.
//
// For messages.cc, which instantiates them for every message; everybody else includes message.h. The
// Encoder and the Sizer are one template over what takes the bytes, so they cannot disagree.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/units.h"
#include "kafka/api.h"
#include "kafka/message.h"
#include "kafka/reader.h"
#include "kafka/records.h"
#include "kafka/schema.h"
#include "kafka/uuid.h"
#include "kafka/writer.h"

namespace penstock::kafka {

template <typename T>
concept Structure = requires(int& io) { T::fields(io); };

template <typename T>
inline constexpr bool kIsVector = false;
template <typename T>
inline constexpr bool kIsVector<std::vector<T>> = true;

using OwnedBytes = std::vector<std::byte>;

class Decoder {
 public:
  Decoder(Reader& reader, std::int16_t version, bool flexible)
      : reader_(reader), version_(version), flexible_(flexible) {}

  template <typename T>
  void structure(T& out) {
    auto body = [&]<typename M>(std::string_view name, M T::* member, const FieldSpec& spec) {
      if (spec.tag != kNoTag || !spec.versions.contains(version_) || !reader_.ok()) return;
      reader_.set_field(name);
      field(out.*member, spec);
    };
    T::fields(body);
    if (flexible_) tagged_fields(out);
  }

 private:
  template <typename T>
  void tagged_fields(T& out) {
    reader_.set_field("tagged fields");
    const std::uint32_t count = reader_.uvarint();
    std::int64_t last_tag = -1;
    for (std::uint32_t index = 0; index < count && reader_.ok(); ++index) {
      reader_.set_field("tagged fields");
      const std::uint32_t tag = reader_.uvarint();
      if (tag <= last_tag) reader_.fail(ErrorCode::kCorrupt, "tags do not ascend");
      last_tag = tag;
      tagged_field(out, tag, reader_.uvarint());
    }
  }

  template <typename T>
  void tagged_field(T& out, std::uint32_t tag, std::uint32_t size_bytes) {
    bool known = false;
    auto section = [&]<typename M>(std::string_view name, M T::* member, const FieldSpec& spec) {
      if (spec.tag == kNoTag || static_cast<std::uint32_t>(spec.tag) != tag) return;
      if (!spec.versions.contains(version_)) return;
      known = true;
      reader_.set_field(name);
      const std::size_t outer_end = reader_.enter(size_bytes);
      field(out.*member, spec);
      reader_.leave(outer_end);
    };
    T::fields(section);
    if (!known) static_cast<void>(reader_.take(size_bytes));
  }

  template <typename M>
  void field(M& out, const FieldSpec& spec) {
    value(out, flexible_ && spec.flexible.contains(version_), spec.nullable.contains(version_));
  }

  template <typename M>
  void value(M& out, bool compact, bool nullable) {
    if constexpr (std::same_as<M, bool>) {
      out = reader_.boolean();
    } else if constexpr (std::integral<M>) {
      out = reader_.integer<M>();
    } else if constexpr (std::is_enum_v<M>) {
      out = static_cast<M>(reader_.integer<std::underlying_type_t<M>>());
    } else if constexpr (std::same_as<M, double>) {
      out = reader_.float64();
    } else if constexpr (std::same_as<M, Offset>) {
      out = Offset{reader_.integer<std::int64_t>()};
    } else if constexpr (std::same_as<M, Uuid>) {
      out = reader_.uuid();
    } else if constexpr (std::same_as<M, Records>) {
      const auto bytes = reader_.bytes(compact);
      out = bytes.has_value() ? Records::borrow(*bytes) : Records();
      if (!bytes.has_value() && !nullable) fail_null();
    } else if constexpr (Structure<M>) {
      structure(out);
    } else if constexpr (kIsVector<M> || std::same_as<M, std::string>) {
      if (!sequence(out, compact)) fail_null();
    } else {
      optional(out, compact, nullable);
    }
  }

  template <typename M>
  void optional(std::optional<M>& out, bool compact, bool nullable) {
    bool present = true;
    if constexpr (Structure<M>) {
      if (nullable) present = reader_.integer<std::int8_t>() >= 0;  // -1: null, 1: the struct follows
      // M{} because a nested struct with initialisers is not yet default constructible to
      // std::optional.
      if (present) structure(out.emplace(M{}));
    } else {
      present = sequence(out.emplace(), compact);
    }
    if (present) return;
    out.reset();
    if (!nullable) fail_null();
  }

  // Length-prefixed values; false is null.
  bool sequence(std::string& out, bool compact) {
    const auto text = reader_.string(compact);
    if (text.has_value()) out = as_text(*text);
    return text.has_value();
  }
  bool sequence(OwnedBytes& out, bool compact) {
    const auto bytes = reader_.bytes(compact);
    if (bytes.has_value()) out.assign(bytes->begin(), bytes->end());
    return bytes.has_value();
  }
  template <typename M>
  bool sequence(std::vector<M>& out, bool compact) {
    const auto count = reader_.array_count(compact);
    if (!count.has_value()) return false;
    if (*count > array_bytes_left_ / sizeof(M)) {
      reader_.fail(ErrorCode::kTooLarge, "more array elements than a message may have");
      return true;
    }
    array_bytes_left_ -= *count * sizeof(M);
    out.clear();
    out.reserve(*count);
    for (std::uint32_t index = 0; index < *count && reader_.ok(); ++index) {
      value(out.emplace_back(), compact, false);
    }
    return true;
  }

  void fail_null() { reader_.fail(ErrorCode::kCorrupt, "null, which this version does not allow"); }

  Reader& reader_;
  const std::int16_t version_;
  const bool flexible_;
  std::size_t array_bytes_left_ = kMaxDecodedArrayBytes;
};

template <typename Output>
class FieldWriter {
 public:
  FieldWriter(Output& output, std::int16_t version, bool flexible)
      : output_(output), version_(version), flexible_(flexible) {}

  template <typename T>
  void structure(const T& in) {
    auto body = [&]<typename M>(std::string_view, M T::* member, const FieldSpec& spec) {
      if (spec.tag == kNoTag && spec.versions.contains(version_)) field(in.*member, spec);
    };
    T::fields(body);
    if (flexible_) tagged_fields(in);
  }

 private:
  template <typename T>
  void tagged_fields(const T& in) {
    std::uint32_t count = 0;
    auto counter = [&]<typename M>(std::string_view, M T::* member, const FieldSpec& spec) {
      if (is_sent_tagged(in, member, spec)) ++count;
    };
    T::fields(counter);
    output_.uvarint(count);
    if (count == 0) return;

    int last_tag = kNoTag;
    auto sections = [&]<typename M>(std::string_view, M T::* member, const FieldSpec& spec) {
      if (!is_sent_tagged(in, member, spec)) return;
      PENSTOCK_ASSERT(spec.tag > last_tag, "tagged fields must be listed by ascending tag");
      last_tag = spec.tag;
      SizeCounter size;
      FieldWriter<SizeCounter>(size, version_, flexible_).field(in.*member, spec);
      output_.uvarint(static_cast<std::uint32_t>(spec.tag));
      output_.uvarint(static_cast<std::uint32_t>(size.size()));
      field(in.*member, spec);
    };
    T::fields(sections);
  }

  template <typename T, typename M>
  bool is_sent_tagged(const T& in, M T::* member, const FieldSpec& spec) {
    if (spec.tag == kNoTag || !spec.versions.contains(version_)) return false;
    static const T defaults{};
    return in.*member != defaults.*member;
  }

  template <typename M>
  void field(const M& in, const FieldSpec& spec) {
    value(in, flexible_ && spec.flexible.contains(version_), spec.nullable.contains(version_));
  }

  template <typename M>
  void value(const M& in, bool compact, bool nullable) {
    if constexpr (std::same_as<M, bool>) {
      output_.boolean(in);
    } else if constexpr (std::integral<M>) {
      output_.integer(in);
    } else if constexpr (std::is_enum_v<M>) {
      output_.integer(static_cast<std::underlying_type_t<M>>(in));
    } else if constexpr (std::same_as<M, double>) {
      output_.float64(in);
    } else if constexpr (std::same_as<M, Offset>) {
      output_.integer(in.value);
    } else if constexpr (std::same_as<M, Uuid>) {
      output_.uuid(in);
    } else if constexpr (std::same_as<M, Records>) {
      output_.records(in.is_null() && !nullable ? Records::empty() : in, compact);
    } else if constexpr (Structure<M>) {
      structure(in);
    } else if constexpr (kIsVector<M> || std::same_as<M, std::string>) {
      sequence(&in, compact);
    } else {
      optional(in, compact, nullable);
    }
  }

  template <typename M>
  void optional(const std::optional<M>& in, bool compact, bool nullable) {
    static const M empty{};
    const M* present = in.has_value() ? &*in : nullptr;
    if (present == nullptr && !nullable) present = &empty;
    if constexpr (Structure<M>) {
      if (nullable) output_.integer(static_cast<std::int8_t>(present == nullptr ? -1 : 1));
      if (present != nullptr) structure(*present);
    } else {
      sequence(present, compact);
    }
  }

  // Length-prefixed values; a null pointer is null.
  void sequence(const std::string* in, bool compact) {
    output_.string(in == nullptr ? std::nullopt : std::optional<std::string_view>(*in), compact);
  }
  void sequence(const OwnedBytes* in, bool compact) {
    output_.bytes(in == nullptr ? std::nullopt : std::optional<ByteView>(*in), compact);
  }
  template <typename M>
  void sequence(const std::vector<M>* in, bool compact) {
    output_.array_count(in == nullptr ? std::nullopt : std::optional(in->size()), compact);
    if (in == nullptr) return;
    for (const M& element : *in) value(element, compact, false);
  }

  template <typename>
  friend class FieldWriter;

  Output& output_;
  const std::int16_t version_;
  const bool flexible_;
};

using Encoder = FieldWriter<Writer>;
using Sizer = FieldWriter<SizeCounter>;

// A message of an API has the versions of its API; the headers have versions of their own.
template <typename Message>
constexpr bool is_implemented(std::int16_t version) {
  if constexpr (requires { Message::kApi; }) {
    return find_api(Message::kApi)->implemented.contains(version);
  } else {
    return Message::kVersions.contains(version);
  }
}
template <typename Message>
constexpr bool is_flexible(std::int16_t version) {
  if constexpr (requires { Message::kApi; }) {
    return is_flexible(Message::kApi, version);
  } else {
    return Message::kFlexible.contains(version);
  }
}

template <typename Message>
Result<Message> decode_from(Reader& reader, std::int16_t version) {
  if (!is_implemented<Message>(version)) {
    return fail(ErrorCode::kNotSupported, "{} has no version {} here", Message::kName, version);
  }
  Message message;
  Decoder(reader, version, is_flexible<Message>(version)).structure(message);
  if (!reader.ok())
    return Unexpected(reader.error().context(fmt::format("{} v{}", Message::kName, version)));
  return message;
}

template <typename Message>
Result<Message> decode(ByteView body, std::int16_t version) {
  Reader reader(body);
  Result<Message> message = decode_from<Message>(reader, version);
  if (!message.has_value()) return message;
  // Kafka ignores what follows a request, and some clients have come to rely on it: librdkafka 2.0 ends
  // ListGroups v4 with one byte too many, and OffsetFetch v7 of all topics with three.
  if constexpr (!requires { typename Message::Response; }) {
    reader.set_field("end");
    reader.expect_end();
  }
  if (!reader.ok())
    return Unexpected(reader.error().context(fmt::format("{} v{}", Message::kName, version)));
  return message;
}

template <typename Message>
void encode_to(Writer& writer, const Message& message, std::int16_t version) {
  PENSTOCK_ASSERT(is_implemented<Message>(version), "encode of a version that is not implemented");
  Encoder(writer, version, is_flexible<Message>(version)).structure(message);
}

template <typename Message>
SizeCounter count_size(const Message& message, std::int16_t version) {
  PENSTOCK_ASSERT(is_implemented<Message>(version), "size of a version that is not implemented");
  SizeCounter size;
  Sizer(size, version, is_flexible<Message>(version)).structure(message);
  return size;
}

template <typename Message>
ByteChain encode(const Message& message, std::int16_t version) {
  const SizeCounter size = count_size(message, version);
  Writer writer;
  writer.reserve(size.owned_bytes());
  encode_to(writer, message, version);
  return std::move(writer).take_chain();
}

}  // namespace penstock::kafka
