// Result<T>: a T, or the Error that came instead. The return type of everything that can fail.
//
//     penstock::Result<penstock::AppendFile> file = penstock::AppendFile::create(engine, path);
//     if (!file) return complain(file.error().message());
//     file->append(bytes);
//
// std::expected<T, Error> with the part of its interface that Penstock uses; std::expected itself is
// C++23, and public headers are C++20. Exceptions are not thrown: value() and operator* of a failed
// Result abort, and say what the error was.
//
// Ownership: holds its value. Threading: a plain value.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "penstock/error.h"

namespace penstock {

// An Error on its way into a Result<T> of any T.
class [[nodiscard]] Unexpected {
 public:
  explicit Unexpected(Error error) : error_(std::move(error)) {}

  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
};

namespace detail {

// Prints the error and aborts: somebody took the value of a Result without asking whether there is one.
[[noreturn]] PENSTOCK_API void value_of_failed_result(const Error& error);

}  // namespace detail

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result()
    requires std::is_default_constructible_v<T>
      : state_(std::in_place_index<0>) {}

  template <typename U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Unexpected>)
  explicit(!std::is_convertible_v<U&&, T>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  Result(const Unexpected& unexpected) : state_(std::in_place_index<1>, unexpected.error()) {}
  Result(Unexpected&& unexpected) : state_(std::in_place_index<1>, std::move(unexpected).error()) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }

  T& operator*() & { return checked(); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }

  // Only of a failed Result.
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

  template <typename U>
  T value_or(U&& otherwise) const& {
    return has_value() ? *std::get_if<0>(&state_) : static_cast<T>(std::forward<U>(otherwise));
  }

  // Whether it has a value, and that one.
  template <typename U>
    requires(!std::is_same_v<U, Result>)
  bool operator==(const U& value) const {
    return has_value() && *std::get_if<0>(&state_) == value;
  }

 private:
  T& checked() {
    if (T* value = std::get_if<0>(&state_)) [[likely]]
      return *value;
    detail::value_of_failed_result(*std::get_if<1>(&state_));
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(const Unexpected& unexpected) : state_(unexpected.error()) {}
  Result(Unexpected&& unexpected) : state_(std::move(unexpected).error()) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  void value() const {
    if (!has_value()) detail::value_of_failed_result(error());
  }

  // Only of a failed Result.
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace penstock
