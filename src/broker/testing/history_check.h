// check_history: whether what a broker told its clients was true, and stayed true over its deaths.
//
// The rules, with the words that their findings begin with:
//   order        a reading's offsets rise, and it leaves out nothing that its isolation lets it see
//   content      an offset holds one message, for everybody and for ever; what was read stays
//   sequence     the messages of one producer stand in a partition in the order in which they were sent
//   lost         a message that was acknowledged stands where it was acknowledged
//   twice        no message is in a log twice
//   transaction  it is seen whole or not at all, as its producer was told
//   isolation    a reader of committed messages is never given one that was not
//   held up      when all is over, no open transaction keeps messages from such readers
//   offset       the offset of a group never goes back, is one that somebody committed, and was read up
//   to once         of a message below the offset of a group that reads and writes in transactions, one
//                committed message was made, and none of one above
//   told         clients were told what they never should be
//
// Threading: none of its own.
#pragma once

#include <string>
#include <vector>

#include "broker/testing/history.h"

namespace penstock::broker::testing::history {

struct Verdict {
  std::vector<std::string> findings;  // the first kMaxOfARule of each rule, one sentence each
  std::uint64_t finding_count = 0;    // of all rules, also those that are not shown

  // Of each rule, so that one which is broken everywhere does not hide the others.
  static constexpr std::size_t kMaxOfARule = 10;
};

Verdict check_history(const History& history);

}  // namespace penstock::broker::testing::history
