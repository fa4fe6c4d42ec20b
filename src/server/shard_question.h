// ask_by: a question to another thread's scheduler that is answered by a deadline or not at all.
//
// Unlike call_on (task/remote.h) the asker may go on without the answer: the question owns itself, and
// an answer that comes too late is dropped. So a thread that stands still holds nobody up.
//
// Threading: awaited on `home`'s thread; `make_task()` is called, runs and ends on `target`'s.
// Ownership: both schedulers must run until the gate that the question holds can close.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "task/sync.h"

namespace penstock::server {

namespace detail {

template <typename MakeTask>
struct Question {
  using T = typename std::invoke_result_t<MakeTask&>::value_type;

  struct Request final : Mail {
    explicit Request(Question& asked) : question(asked) {}
    void deliver() override { question.target.spawn(answer(question)); }
    Question& question;
  };
  struct Reply final : Mail {
    explicit Reply(Question& asked) : question(asked) {}
    void deliver() override {
      question.is_answered.set();
      // The last thing: it may be all that keeps the question.
      const auto last = std::move(question.self);
    }
    Question& question;
  };

  Question(Scheduler& from, Scheduler& to, MakeTask make, Gate::Hold held)
      : home(from), target(to), make_task(std::move(make)), is_answered(from), hold(std::move(held)) {}

  static Task<void> answer(Question& question) {
    question.result.emplace(co_await question.make_task());
    question.home.post(question.reply);
  }

  Scheduler& home;
  Scheduler& target;
  MakeTask make_task;
  std::optional<T> result;
  Event is_answered;
  Gate::Hold hold;
  Request request{*this};
  Reply reply{*this};
  std::shared_ptr<Question> self;  // until the answer is back
};

}  // namespace detail

// Nothing when no answer came in time, or `open` is closed. `make_task` is a callable returning
// Task<T>, T not void; it is kept until that has ended, so it refers to nothing of the asker's.
template <typename MakeTask>
Task<std::optional<typename detail::Question<MakeTask>::T>> ask_by(Scheduler& home, Scheduler& target,
                                                                   Gate& open, MakeTask make_task,
                                                                   Instant deadline) {
  Result<Gate::Hold> hold = open.enter();
  if (!hold) co_return std::nullopt;
  auto question = std::make_shared<detail::Question<MakeTask>>(home, target, std::move(make_task),
                                                               std::move(*hold));
  question->self = question;
  target.post(question->request);
  const bool answered = co_await question->is_answered.wait_until(deadline);
  if (!answered) co_return std::nullopt;
  co_return std::move(question->result);
}

}  // namespace penstock::server
