// AbortSource: tells operations that wait that nobody waits for their results any more.
//
// An operation subscribes while it waits, and ends early when the source is aborted; one that comes
// later asks is_aborted() and does not begin to wait. RemoteAbort carries this to another scheduler.
//
// Ownership: the source must outlive its subscriptions (asserted). Threading: one scheduler's thread.
#pragma once

#include <list>
#include <utility>

#include "task/remote.h"
#include "task/sync.h"

namespace penstock {

class AbortSource {
 public:
  // Hears of an abort() that is still to come, once.
  class Subscription {
   public:
    // Null: hears of nothing.
    explicit Subscription(AbortSource* source) : source_(source) {
      if (source_ == nullptr) return;
      place_ = source_->subscriptions_.insert(source_->subscriptions_.end(), this);
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    virtual ~Subscription() {
      if (source_ != nullptr) source_->subscriptions_.erase(place_);
    }

   protected:
    // Starts and ends no operations by itself: it is called within abort().
    virtual void on_abort() = 0;

   private:
    friend class AbortSource;
    AbortSource* source_;
    std::list<Subscription*>::iterator place_;
  };

  // Sets an event on abort, also on one that was earlier.
  class Wake final : public Subscription {
   public:
    Wake(AbortSource* source, Event& event) : Subscription(source), event_(event) {
      if (source != nullptr && source->is_aborted()) event_.set();
    }

   private:
    void on_abort() override { event_.set(); }

    Event& event_;
  };

  AbortSource() = default;
  AbortSource(const AbortSource&) = delete;
  AbortSource& operator=(const AbortSource&) = delete;
  ~AbortSource() {
    PENSTOCK_ASSERT(subscriptions_.empty(), "an abort source was destroyed with subscriptions");
  }

  // A second call does nothing.
  void abort() {
    if (std::exchange(is_aborted_, true)) return;
    for (Subscription* subscription : subscriptions_) subscription->on_abort();
  }
  bool is_aborted() const { return is_aborted_; }

 private:
  std::list<Subscription*> subscriptions_;
  bool is_aborted_ = false;
};

// An abort source for use on `target`'s thread that follows one of `home`'s.
//
// Threading: lives on home's; settle() must have returned before it is destroyed, and nothing uses the
// source any more when settle() is called.
class RemoteAbort final : AbortSource::Subscription, Mail {
 public:
  RemoteAbort(AbortSource& followed, Scheduler& home, Scheduler& target)
      : Subscription(&followed), home_(home), target_(target) {
    if (followed.is_aborted()) source_.abort();
  }

  // On target's thread only.
  AbortSource& source() { return source_; }

  // Waits until no message is on its way.
  Task<void> settle() {
    if (!is_posted_) co_return;
    auto nothing = []() -> Task<bool> { co_return true; };
    co_await call_on(home_, target_, nothing);  // comes behind the message
  }

 private:
  void on_abort() override {
    if (&home_ == &target_) return source_.abort();
    is_posted_ = true;
    target_.post(*this);
  }
  void deliver() override { source_.abort(); }

  Scheduler& home_;
  Scheduler& target_;
  AbortSource source_;
  bool is_posted_ = false;
};

}  // namespace penstock
