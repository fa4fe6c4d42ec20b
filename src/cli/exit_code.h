// ExitCode: what the program tells the shell. The one place where the numbers are given their meaning.
#pragma once

#include <string_view>

namespace penstock::cli {

enum ExitCode : int {
  kSuccess = 0,
  kFailed =
      1,  // could not do what was asked; stderr says why. Also when nobody reads the output any more
  kUsage = 2,   // an unknown flag, subcommand, key or value
  kDamage = 3,  // `log verify` or `log reindex` found damage, `doctor` something that is wrong, or
                // `bench compare` something that is worse
};

inline constexpr std::string_view kExitCodesHelp =
    "Exit codes:\n"
    "  0  done\n"
    "  1  could not do what was asked; the message on standard error says why\n"
    "  2  wrong usage: an unknown flag, subcommand or value\n"
    "  3  `log verify` or `log reindex` found damage, `doctor` something wrong, or `bench compare` "
    "something worse\n"
    "  130, 143  ended at once by SIGINT or SIGTERM; where there is something to finish, by the "
    "second\n";

}  // namespace penstock::cli
