import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;

/** The steps with idempotent and transactional producers. */
final class Transactions {
    private static final Map<String, String> COMMITTED = Map.of("isolation.level", "read_committed");
    private static final Map<String, String> UNCOMMITTED = Map.of("isolation.level", "read_uncommitted");

    private final Clients clients;

    Transactions(Clients clients) {
        this.clients = clients;
    }

    void addTo(Map<String, Clients.Work> steps) {
        steps.put("an_idempotent_producer_keeps_its_order", this::anIdempotentProducerKeepsItsOrder);
        steps.put("a_transaction_is_seen_whole_or_not_at_all", this::aTransactionIsSeenWholeOrNotAtAll);
        steps.put("offsets_are_committed_with_the_transaction", this::offsetsAreCommittedWithTheTransaction);
        steps.put("a_producer_is_fenced_by_its_successor", this::aProducerIsFenced);
        steps.put("a_transaction_that_is_abandoned_is_aborted", this::anAbandonedTransactionIsAborted);
    }

    private KafkaProducer<String, String> producer(String id) {
        return clients.producer(Map.of("transactional.id", id, "transaction.timeout.ms", 10_000));
    }

    private static List<String> valuesOf(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }

    private void anIdempotentProducerKeepsItsOrder() throws Exception {
        final int count = 5000;
        String topic = clients.newTopic("idempotent", 1);
        try (var producer = clients.producer(Map.of("enable.idempotence", true, "batch.size", 2000, "linger.ms", 1))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; ++i) sent.add(producer.send(new ProducerRecord<>(topic, String.valueOf(i))));
            for (int i = 0; i < count; ++i) Clients.checkEqual((long) i, sent.get(i).get().offset());
        }
        List<String> values = valuesOf(clients.read(topic, count, Map.of()));
        for (int i = 0; i < count; ++i) Clients.checkEqual(String.valueOf(i), values.get(i));
    }

    private void aTransactionIsSeenWholeOrNotAtAll() throws Exception {
        String first = clients.newTopic("transaction", 1);
        String second = clients.newTopic("transaction", 1);
        try (var producer = producer(first)) {
            producer.initTransactions();
            for (String value : List.of("kept", "dropped", "kept too")) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(first, value)).get();
                producer.send(new ProducerRecord<>(second, value)).get();
                if (value.equals("dropped")) producer.abortTransaction(); else producer.commitTransaction();
            }
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(first, "open")).get();
            for (String topic : List.of(first, second)) {
                Clients.checkEqual(List.of("kept", "kept too"), valuesOf(clients.read(topic, 2, COMMITTED)));
            }
            Clients.checkEqual(List.of("kept", "dropped", "kept too", "open"),
                               valuesOf(clients.read(first, 4, UNCOMMITTED)));
            // Messages and markers: what is stable ends in front of the open transaction.
            TopicPartition partition = new TopicPartition(first, 0);
            Clients.checkEqual(6L, endOf(partition, IsolationLevel.READ_COMMITTED));
            Clients.checkEqual(7L, endOf(partition, IsolationLevel.READ_UNCOMMITTED));
            producer.commitTransaction();
            Clients.checkEqual(8L, endOf(partition, IsolationLevel.READ_COMMITTED));
        }
    }

    private long endOf(TopicPartition partition, IsolationLevel level) throws Exception {
        return clients.admin.listOffsets(Map.of(partition, OffsetSpec.latest()), new ListOffsetsOptions(level)).all()
            .get().get(partition).offset();
    }

    /** Reads a topic, writes what it read to another one, and commits both together, with an abort in between. */
    private void offsetsAreCommittedWithTheTransaction() throws Exception {
        final int count = 100;
        String from = clients.newTopic("source", 1);
        String to = clients.newTopic("sink", 1);
        String group = from + "-group";
        TopicPartition partition = new TopicPartition(from, 0);
        try (var producer = clients.producer(Map.of())) {
            for (int i = 0; i < count; ++i) producer.send(new ProducerRecord<>(from, String.valueOf(i)));
        }
        boolean mustAbort = true;
        try (var producer = producer(from)) {
            producer.initTransactions();
            for (long done = 0; done < count;) {
                try (var consumer = clients.consumer(Map.of("group.id", group, "enable.auto.commit", false,
                                                            "max.poll.records", 30))) {
                    consumer.subscribe(List.of(from));
                    List<ConsumerRecord<String, String>> records = new ArrayList<>();
                    Clients.waitUntil("records to copy", () -> {
                        consumer.poll(Duration.ofMillis(100)).forEach(records::add);
                        return !records.isEmpty();
                    });
                    Clients.checkEqual(done, records.get(0).offset());
                    producer.beginTransaction();
                    for (var record : records) producer.send(new ProducerRecord<>(to, record.value()));
                    long next = records.get(records.size() - 1).offset() + 1;
                    producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(next)),
                                                      consumer.groupMetadata());
                    if (mustAbort) {
                        producer.abortTransaction();
                    } else {
                        producer.commitTransaction();
                        done = next;
                    }
                    mustAbort = !mustAbort && done < count / 2;
                }
            }
        }
        List<String> copied = valuesOf(clients.read(to, count, COMMITTED));
        for (int i = 0; i < count; ++i) Clients.checkEqual(String.valueOf(i), copied.get(i));
        Clients.checkEqual((long) count, clients.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()
                                             .get().get(partition).offset());
    }

    private void aProducerIsFenced() throws Exception {
        String topic = clients.newTopic("fenced-producer", 1);
        try (var first = producer(topic); var second = producer(topic)) {
            first.initTransactions();
            first.beginTransaction();
            first.send(new ProducerRecord<>(topic, "of the first")).get();
            second.initTransactions();
            try {
                first.commitTransaction();
                throw new AssertionError("a fenced producer commits");
            } catch (KafkaException error) {
                Clients.check(error instanceof ProducerFencedException
                                  || error.getCause() instanceof ProducerFencedException,
                              "expected ProducerFencedException, got %s", error);
            }
            second.beginTransaction();
            second.send(new ProducerRecord<>(topic, "of the second")).get();
            second.commitTransaction();
        }
        Clients.checkEqual(List.of("of the second"), valuesOf(clients.read(topic, 1, COMMITTED)));
    }

    private void anAbandonedTransactionIsAborted() throws Exception {
        String topic = clients.newTopic("abandoned", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var producer = clients.producer(Map.of("transactional.id", topic, "transaction.timeout.ms", 1000))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "abandoned")).get();
            Clients.checkEqual(0L, endOf(partition, IsolationLevel.READ_COMMITTED));
            Clients.waitUntil("the end of the transaction", () -> {
                try {
                    return endOf(partition, IsolationLevel.READ_COMMITTED) == 2;
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            Clients.checkFails(KafkaException.class, producer::commitTransaction);
        }
        try (var producer = clients.producer(Map.of())) {
            producer.send(new ProducerRecord<>(topic, "after it")).get();
        }
        Clients.checkEqual(List.of("after it"), valuesOf(clients.read(topic, 1, COMMITTED)));
    }
}
