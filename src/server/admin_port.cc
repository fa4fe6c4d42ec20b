#include "server/admin_port.h"

#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "server/epoll_socket_io.h"
#include "server/listener.h"
#include "server/process.h"
#include "server/shard_question.h"
#include "server/thread_call.h"
#include "task/join.h"

namespace penstock::server {

namespace {

constexpr std::string_view kGuide =
    "GET /metrics, GET /livez, GET /readyz, GET /startupz, POST /topics/NAME/reopen, "
    "POST /topics/NAME/PARTITION/reopen\n";

HttpResponse text(int status, std::string body) { return {.status = status, .body = std::move(body)}; }

int status_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kBusy: return 409;
    case ErrorCode::kClosed: return 503;
    default: return 500;
  }
}

// Of a path "/topics/NAME/reopen" or "/topics/NAME/PARTITION/reopen".
struct ReopenPath {
  std::string topic;
  std::optional<std::int32_t> partition;
};

std::optional<ReopenPath> parse_reopen_path(std::string_view path) {
  constexpr std::string_view kPrefix = "/topics/";
  constexpr std::string_view kSuffix = "/reopen";
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix)) return std::nullopt;
  if (path.size() <= kPrefix.size() + kSuffix.size()) return std::nullopt;
  path = path.substr(kPrefix.size(), path.size() - kPrefix.size() - kSuffix.size());
  const std::size_t slash = path.find('/');
  ReopenPath parsed{std::string(path.substr(0, slash)), std::nullopt};
  if (slash != std::string_view::npos) {
    const std::string_view digits = path.substr(slash + 1);
    std::int32_t number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    if (!whole || number < 0) return std::nullopt;
    parsed.partition = number;
  }
  if (parsed.topic.empty()) return std::nullopt;
  return parsed;
}

}  // namespace

class AdminPort::Handler final : public HttpHandler {
 public:
  Handler(Scheduler& scheduler, AdminTarget target, const AdminPortOptions& options)
      : scheduler_(scheduler), target_(std::move(target)), options_(options), questions_(scheduler) {}

  Task<HttpResponse> handle(HttpRequest request) override {
    const std::optional<ReopenPath> reopening = parse_reopen_path(request.path);
    const bool is_known = std::ranges::find(kPages, request.path) != kPages.end();
    if (!reopening && !is_known) co_return text(404, fmt::format("there is: {}", kGuide));
    const bool is_reading = request.method == "GET" || request.method == "HEAD";
    if (reopening ? request.method != "POST" : !is_reading) {
      HttpResponse refusal = text(405, fmt::format("there is: {}", kGuide));
      refusal.allow = reopening ? "POST" : "GET, HEAD";
      co_return refusal;
    }
    if (reopening) co_return co_await reopen(*reopening);
    if (request.path == "/metrics") co_return co_await metrics();
    if (request.path == "/livez") co_return co_await livez();
    if (request.path == "/readyz") co_return co_await readyz();
    if (request.path == "/startupz") co_return co_await startupz();
    co_return text(200, std::string(kGuide));
  }

  void publish(ServerStats stats) { stats_ = std::move(stats); }
  Task<void> close() { return questions_.close(); }

  // Returns when no shard is on its way out of handing over an answer any more.
  void wait_for_shards() const {
    const auto nothing = []() -> Task<void> { co_return; };
    for (const AdminTarget::Shard& shard : target_.shards)
      call_from_thread(*shard.scheduler, nothing).get();
  }

 private:
  static constexpr std::array<std::string_view, 5> kPages = {"/", "/metrics", "/livez", "/readyz",
                                                             "/startupz"};

  // Asks all shards at once; nothing for one that does not answer in time.
  template <typename T>
  Task<std::vector<std::optional<T>>> ask_all(std::function<Task<T>()> AdminTarget::Shard::* question) {
    std::vector<std::optional<T>> answers(target_.shards.size());
    std::vector<Task<void>> asking;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const AdminTarget::Shard& shard = target_.shards[i];
      asking.push_back(ask_one(*shard.scheduler, shard.*question, answers[i]));
    }
    co_await join(scheduler_, std::move(asking));
    co_return answers;
  }
  template <typename T>
  Task<void> ask_one(Scheduler& shard, std::function<Task<T>()> question, std::optional<T>& answer) {
    const Instant deadline = scheduler_.now() + options_.answer_time;
    answer = co_await ask_by(scheduler_, shard, questions_, std::move(question), deadline);
  }

  Task<HttpResponse> metrics() {
    const AllShardStats shards = co_await ask_all(&AdminTarget::Shard::stats);
    stats_.catalog = target_.catalog_stats();
    stats_.kernel_worker_count = count_kernel_workers();
    stats_.lags = co_await lags();
    HttpResponse response = text(200, metrics_text(stats_, shards));
    response.content_type = kMetricsContentType;
    co_return response;
  }

  // Before the topics are known there is nothing to tell.
  Task<broker::GroupLags> lags() {
    broker::GroupLags all;
    if (stats_.phase != ServerStats::Phase::kReady) co_return all;
    std::vector<std::optional<broker::GroupLags>> answers(target_.shards.size());
    std::vector<Task<void>> asking;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const AdminTarget::Shard& shard = target_.shards[i];
      auto question = [ask = shard.lags, limit = options_.lag_partitions] { return ask(limit); };
      asking.push_back(ask_one<broker::GroupLags>(*shard.scheduler, std::move(question), answers[i]));
    }
    co_await join(scheduler_, std::move(asking));
    for (std::optional<broker::GroupLags>& answer : answers) {
      if (!answer) continue;
      const std::size_t room = options_.lag_partitions - all.lags.size();
      const std::size_t taken = std::min(room, answer->lags.size());
      all.left_out += answer->left_out + (answer->lags.size() - taken);
      std::move(answer->lags.begin(), answer->lags.begin() + static_cast<std::ptrdiff_t>(taken),
                std::back_inserter(all.lags));
    }
    co_return all;
  }

  Task<HttpResponse> livez() {
    const auto shards = co_await ask_all(&AdminTarget::Shard::broker_stats);
    std::string silent;
    for (std::size_t i = 0; i < shards.size(); ++i) {
      if (!shards[i]) silent += fmt::format("shard {} does not answer\n", i);
    }
    co_return silent.empty() ? text(200, "alive\n") : text(503, silent);
  }

  Task<HttpResponse> readyz() {
    if (stats_.phase == ServerStats::Phase::kReady) co_return text(200, "ready\n");
    if (stats_.phase == ServerStats::Phase::kStopping) co_return text(503, "stopping\n");
    co_return text(503, co_await progress());
  }

  // Stays 200 while the server stops: it has started, whatever comes then.
  Task<HttpResponse> startupz() {
    const bool has_started = stats_.start_took > Duration::zero();
    co_return text(has_started ? 200 : 503, co_await progress());
  }

  // Of the recovery.
  Task<std::string> progress() {
    const auto shards = co_await ask_all(&AdminTarget::Shard::broker_stats);
    broker::BrokerStats sum;
    std::size_t silent_count = 0;
    for (const auto& shard : shards) {
      if (!shard) ++silent_count;
      if (!shard) continue;
      sum.partitions_opened += shard->partitions_opened;
      sum.partitions_to_open += shard->partitions_to_open;
      sum.opened_bytes += shard->opened_bytes;
      sum.scanned_bytes += shard->scanned_bytes;
    }
    std::string body =
        fmt::format("recovered {} of {} partitions\nopened {} bytes, of which {} had to be scanned\n",
                    sum.partitions_opened, sum.partitions_to_open, sum.opened_bytes, sum.scanned_bytes);
    if (silent_count > 0) body += fmt::format("{} shards do not answer\n", silent_count);
    co_return body;
  }

  Task<HttpResponse> reopen(ReopenPath path) {
    if (stats_.phase != ServerStats::Phase::kReady) co_return text(503, "the server is not ready\n");
    auto question = [&target = target_, path] { return target.reopen(path.topic, path.partition); };
    const Instant deadline = scheduler_.now() + options_.reopen_time;
    const auto answer =
        co_await ask_by(scheduler_, *target_.controller, questions_, question, deadline);
    if (!answer)
      co_return text(504, "it takes long, and goes on; the server's log and /metrics tell\n");
    if (!*answer) co_return text(status_of((*answer).error()), (*answer).error().message() + "\n");
    HttpResponse response = text(200, "");
    for (const broker::ReopenOutcome& outcome : **answer) {
      response.body += fmt::format("{}/{}: {}\n", path.topic, outcome.partition,
                                   outcome.error ? outcome.error->message() : outcome.text);
      if (outcome.error) response.status = 500;
    }
    co_return response;
  }

  Scheduler& scheduler_;
  AdminTarget target_;
  const AdminPortOptions options_;
  ServerStats stats_;
  Gate questions_;  // that have not been answered
};

Result<std::unique_ptr<AdminPort>> AdminPort::start(const Address& listen, AdminTarget target,
                                                    AdminPortOptions options) {
  Result<BoundListeners> bound = bind_listeners(listen, 1, false, "--admin-listen");
  if (!bound) return Unexpected(bound.error());
  Result<std::unique_ptr<EpollReactor>> reactor = EpollReactor::create();
  if (!reactor) return Unexpected(reactor.error());
  std::unique_ptr<AdminPort> port(new AdminPort(std::move(*reactor), std::move(target), options,
                                                std::move(bound->sockets.front()), bound->address));
  AdminPort& started = *port;
  const auto open = [&started] { return started.http_.open(started.address_); };
  const Result<void> opened = call_from_thread(started.scheduler_, open).get();
  if (!opened) {
    started.close().get();
    started.stop();
    return Unexpected(opened.error());
  }
  return port;
}

AdminPort::AdminPort(std::unique_ptr<EpollReactor> reactor, AdminTarget target,
                     AdminPortOptions options, Descriptor listener, Address address)
    : address_(std::move(address)),
      reactor_(std::move(reactor)),
      scheduler_(clock_, *reactor_),
      io_(std::make_unique<EpollSocketIo>(scheduler_, *reactor_)),
      handler_(std::make_unique<Handler>(scheduler_, std::move(target), options)),
      http_(scheduler_, *io_, std::move(listener), *handler_, options.http) {
  const HeldSignals held;  // its thread never sees a signal
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "admin");
    scheduler_.run_until_stopped();
  });
}

AdminPort::~AdminPort() { stop(); }

void AdminPort::publish(ServerStats stats) {
  const auto publish = [this, &stats] { return take(std::move(stats)); };
  call_from_thread(scheduler_, publish).get();
}

Task<void> AdminPort::take(ServerStats stats) {
  handler_->publish(std::move(stats));
  co_return;
}

std::future<void> AdminPort::close() {
  const auto close = [this] { return end(); };
  return call_from_thread(scheduler_, close);
}

Task<void> AdminPort::end() {
  co_await http_.close();
  co_await handler_->close();
}

void AdminPort::stop() {
  if (!thread_.joinable()) return;
  scheduler_.stop();
  thread_.join();
  handler_->wait_for_shards();
}

}  // namespace penstock::server
