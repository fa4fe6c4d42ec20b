#include "cli/message_input.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace penstock::cli {
namespace {

using Texts = std::vector<std::string>;

std::string shown(const std::optional<ByteView>& bytes) {
  return bytes ? std::string(as_text(*bytes)) : "(null)";
}

void feed(MessageInput& input, std::string_view text) {
  while (!text.empty()) {
    const MutableBytes room = input.room();
    const std::size_t count = std::min(room.size(), text.size());
    std::ranges::copy(as_bytes(text.substr(0, count)), room.begin());
    input.took(count);
    text.remove_prefix(count);
  }
}

// Every message as "key:value", the text arriving `piece` bytes at a time.
Texts messages_of(std::string_view text, const MessageInputOptions& options = {},
                  std::size_t piece = 1000) {
  MessageInput input(options);
  Texts texts;
  const auto take = [&] {
    while (const auto message = input.next().value()) {
      EXPECT_EQ(message->line, texts.size() + 1);
      texts.push_back(message->key ? shown(message->key) + ":" + shown(message->value)
                                   : shown(message->value));
    }
  };
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    feed(input, text.substr(0, piece));
    take();
    EXPECT_FALSE(input.is_exhausted());
  }
  input.end();
  take();
  EXPECT_TRUE(input.is_exhausted());
  return texts;
}

TEST(MessageInput, LinesAreMessages) {
  EXPECT_EQ(messages_of("one\ntwo\nthree\n"), (Texts{"one", "two", "three"}));
}

TEST(MessageInput, TheLastLineNeedsNoEnd) { EXPECT_EQ(messages_of("one\ntwo"), (Texts{"one", "two"})); }

TEST(MessageInput, NoInputIsNoMessageAndAnEmptyLineIsAnEmptyOne) {
  EXPECT_EQ(messages_of(""), Texts{});
  EXPECT_EQ(messages_of("\n\na\n"), (Texts{"", "", "a"}));
}

TEST(MessageInput, WhateverThePiecesInWhichItArrives) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    EXPECT_EQ(messages_of("a<|>bb<|<|><|", {.delimiter = "<|>"}, piece), (Texts{"a", "bb<|", "<|"}))
        << piece;
  }
}

TEST(MessageInput, LongMessagesGrowTheBuffer) {
  const std::string first(300'000, 'x');
  const std::string second(2'000'000, 'y');
  EXPECT_EQ(messages_of(first + "\n" + second + "\n", {}, 100'000), (Texts{first, second}));
}

TEST(MessageInput, TheKeyIsInFrontOfTheFirstKeyDelimiter) {
  EXPECT_EQ(messages_of("k:v\n:v\nk:\nk:v:w\nv\n", {.key_delimiter = ":"}),
            (Texts{"k:v", ":v", "k:", "k:v:w", "v"}));
  MessageInput input({.key_delimiter = ":"});
  feed(input, ":v\nv\n");
  EXPECT_EQ(shown(input.next().value()->key), "");
  EXPECT_EQ(shown(input.next().value()->key), "(null)");
}

TEST(MessageInput, TheNullValueIsATombstone) {
  EXPECT_EQ(messages_of("k:NULL\nk:NULLS\nNULL\n", {.key_delimiter = ":", .null_value = "NULL"}),
            (Texts{"k:(null)", "k:NULLS", "(null)"}));
  EXPECT_EQ(messages_of("k:\n", {.key_delimiter = ":", .null_value = ""}), (Texts{"k:(null)"}));
}

TEST(MessageInput, AMessageAboveTheLimitIsRefusedByItsNumber) {
  for (const std::string_view end : {"", "\n"}) {
    MessageInput input({.max_message_bytes = 5});
    feed(input, "12345\n123456");
    feed(input, end);
    EXPECT_EQ(shown(input.next().value()->value), "12345");
    const auto refused = input.next();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kTooLarge);
    EXPECT_TRUE(refused.error().message().contains("message 2")) << refused.error().message();
  }
}

TEST(MessageInput, CutsAsSplittingDoes) {
  rc::check([] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', ';'));
    const auto piece = *rc::gen::inRange<std::size_t>(1, 8);
    Texts expected;
    std::string_view rest = text;
    for (std::size_t end = rest.find(";;"); end != std::string_view::npos; end = rest.find(";;")) {
      expected.emplace_back(rest.substr(0, end));
      rest.remove_prefix(end + 2);
    }
    if (!rest.empty()) expected.emplace_back(rest);
    RC_ASSERT(messages_of(text, {.delimiter = ";;"}, piece) == expected);
  });
}

TEST(Unescape, BackslashesStandForBytes) {
  EXPECT_EQ(unescape("a\\tb\\n\\\\\\x41\\r").value(), "a\tb\n\\A\r");
  EXPECT_EQ(unescape("\\0").value(), std::string(1, '\0'));
  for (const std::string_view wrong : {"\\", "\\q", "\\x4", "\\xzz"}) {
    const auto refused = unescape(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace penstock::cli
