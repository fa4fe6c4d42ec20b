import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** Clients of one broker, and what tests of it share: names of their own, waiting, expected errors. */
final class Clients implements AutoCloseable {
    static final int PARTITIONS = 4;

    final String broker;
    final Admin admin;
    private int topicsMade = 0;

    Clients(String broker) {
        this.broker = broker;
        Properties properties = new Properties();
        properties.put("bootstrap.servers", broker);
        properties.put("request.timeout.ms", 10_000);
        admin = Admin.create(properties);
    }

    @Override
    public void close() {
        admin.close();
    }

    KafkaProducer<String, String> producer(Map<String, ?> options) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", broker);
        properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        properties.put("delivery.timeout.ms", 20_000);
        properties.put("request.timeout.ms", 10_000);
        properties.put("max.block.ms", 10_000);
        properties.putAll(options);
        return new KafkaProducer<>(properties);
    }

    KafkaConsumer<String, String> consumer(Map<String, ?> options) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", broker);
        properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        properties.put("auto.offset.reset", "earliest");
        properties.put("default.api.timeout.ms", 15_000);
        properties.putAll(options);
        return new KafkaConsumer<>(properties);
    }

    String newTopic(String name, int partitions) throws Exception {
        return newTopic(name, partitions, Map.of());
    }

    String newTopic(String name, int partitions, Map<String, String> settings) throws Exception {
        String topic = "java-" + name + "-" + ++topicsMade;
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(settings))).all().get();
        return topic;
    }

    /** Sends FROM..FROM+COUNT-1 as values, in turn to all partitions. */
    void sendNumbers(String topic, int from, int count) throws Exception {
        try (var producer = producer(Map.of())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = from; i < from + count; ++i) {
                sent.add(producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, String.valueOf(i))));
            }
            for (var each : sent) each.get();
        }
    }

    /** Reads a topic from its beginning; it must have `count` records. */
    List<ConsumerRecord<String, String>> read(String topic, int count, Map<String, ?> options) {
        try (var consumer = consumer(options)) {
            List<TopicPartition> partitions =
                consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            List<ConsumerRecord<String, String>> records = new ArrayList<>();
            waitUntil(count + " records of " + topic, () -> {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
                return records.size() >= count;
            });
            check(records.size() == count, "%d records of %s instead of %d", records.size(), topic, count);
            return records;
        }
    }

    static void waitUntil(String what, BooleanSupplier condition) {
        final long timeoutMs = 40_000;
        final long deadline = System.currentTimeMillis() + timeoutMs;
        while (!condition.getAsBoolean()) {
            check(System.currentTimeMillis() < deadline, "%s: not within %d ms", what, timeoutMs);
            try {
                Thread.sleep(20);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }

    static void check(boolean holds, String otherwise, Object... words) {
        if (!holds) throw new AssertionError(String.format(otherwise, words));
    }

    static void checkEqual(Object expected, Object actual) {
        check(expected.equals(actual), "expected %s, got %s", expected, actual);
    }

    interface Work {
        void run() throws Exception;
    }

    /** Fails unless `work` fails with an error of this class, bare or as the cause of another. */
    static void checkFails(Class<? extends Throwable> expected, Work work) throws Exception {
        try {
            work.run();
        } catch (Exception error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            if (expected.isInstance(cause)) return;
            throw new AssertionError("expected " + expected.getSimpleName() + ", got " + cause, cause);
        }
        throw new AssertionError("expected " + expected.getSimpleName() + ", got success");
    }
}
