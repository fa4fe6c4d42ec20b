// event_loop: the asynchronous door inside an epoll loop of the program's own.
//
//     event_loop FILE    appends each line of standard input (a pipe or a terminal) to FILE, a new one,
//                        and prints "durable N" when the first N lines are on the device
//
// The loop waits for two descriptors, standard input and the engine's, and blocks nowhere else: while a
// sync is on its way to the device, further lines are read and submitted. Syncs that pile up meanwhile
// become one.

#include <penstock/penstock.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <iostream>
#include <string>
#include <string_view>

namespace {

class Appender {
 public:
  Appender(penstock::Engine& engine, penstock::AppendFile file)
      : engine_(engine), file_(std::move(file)) {}

  // Until the end of the input, or the first error; and in any case until nothing is pending, because
  // lines_ has to outlive what was submitted.
  int run() {
    const penstock::Result<int> engine_fd = engine_.poll_fd();
    if (!engine_fd) return complain(engine_fd.error().message());
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || !watch(epoll, STDIN_FILENO) || !watch(epoll, *engine_fd)) {
      return complain(std::string("epoll: ") + std::strerror(errno) +
                      " (standard input must be a pipe or a terminal)");
    }
    while (input_is_open_ || engine_.pending() > 0) {
      std::array<epoll_event, 2> events{};
      const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        if (events[static_cast<std::size_t>(i)].data.fd == STDIN_FILENO) {
          read_lines();
        } else {
          engine_.poll();  // here run the callbacks
        }
        if (!failure_.empty()) input_is_open_ = false;
        if (!input_is_open_) ::epoll_ctl(epoll, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
      }
    }
    ::close(epoll);
    if (!failure_.empty()) return complain(failure_);
    const penstock::Result<void> sealed = file_.seal();
    return sealed ? 0 : complain(sealed.error().message());
  }

 private:
  static int complain(std::string_view what) {
    std::cerr << "event_loop: " << what << "\n";
    return 1;
  }

  static bool watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  void read_lines() {
    std::array<char, 4096> bytes;
    const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size <= 0) {
      input_is_open_ = false;
      return;
    }
    input_.append(bytes.data(), static_cast<std::size_t>(size));
    for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
      submit(input_.substr(0, end + 1));
      input_.erase(0, end + 1);
    }
  }

  // The line lives in lines_ until its append has been carried out.
  void submit(std::string line) {
    lines_.push_back(std::move(line));
    const std::uint64_t number = ++submitted_;
    const auto appended = [this](penstock::Result<std::uint64_t> position) {
      lines_.pop_front();  // appends end in the order in which they were submitted
      if (!position) failure_ = position.error().message();
    };
    const auto synced = [this, number](penstock::Result<void> result) {
      if (!result) {
        failure_ = result.error().message();
      } else {
        std::cout << "durable " << number << std::endl;
      }
    };
    // A full line of operations is no error: run callbacks until there is room.
    while (!accepted(file_.submit_append(lines_.back(), appended)))
      engine_.wait(std::chrono::seconds(1));
    while (!accepted(file_.submit_sync(synced))) engine_.wait(std::chrono::seconds(1));
  }

  bool accepted(const penstock::Result<void>& submitted) {
    if (submitted || submitted.error().code() == penstock::ErrorCode::kBusy)
      return submitted.has_value();
    failure_ = submitted.error().message();
    return true;
  }

  penstock::Engine& engine_;
  penstock::AppendFile file_;
  std::string input_;
  std::deque<std::string> lines_;
  std::uint64_t submitted_ = 0;
  bool input_is_open_ = true;
  std::string failure_;
};

}  // namespace

int main(int argc, char** argv) {
  const bool asks = argc == 2 && std::string_view(argv[1]) == "--help";
  if (asks || argc != 2) {
    (asks ? std::cout : std::cerr) << "usage: event_loop FILE < lines\n";
    return asks ? 0 : 2;
  }
  penstock::Result<penstock::Engine> engine = penstock::Engine::create();
  if (!engine) {
    std::cerr << "event_loop: " << engine.error().message() << "\n";
    return 1;
  }
  penstock::Result<penstock::AppendFile> file = penstock::AppendFile::create(*engine, argv[1]);
  if (!file) {
    std::cerr << "event_loop: " << file.error().message() << "\n";
    return 1;
  }
  return Appender(*engine, std::move(*file)).run();
}
