// Profile: where the time of a running process goes, sampled by perf, which Debian has in linux-perf.
//
// Ownership: perf and its file are the object's. Threading: one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::bench {

// Parts of the samples, each 0 to 1.
struct TimeShares {
  double kernel = 0;
  double checksum = 0;
  double copy = 0;
  double rest = 0;
  std::uint64_t samples = 0;
  std::string largest_of_rest;  // the functions that most of the rest is in, with their shares
};

class Profile {
 public:
  // Starts to sample `pid`; the samples go to a file in `directory`, which exists.
  Profile(pid_t pid, const std::string& directory);
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  ~Profile();

  // Ends it; nullopt where there is no perf, or it may not sample.
  std::optional<TimeShares> finish();

 private:
  void stop();

  std::string file_;
  pid_t perf_ = -1;
};

}  // namespace penstock::bench
