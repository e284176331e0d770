using CsCheck;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

public sealed class DtlsRecordTests
{
    [Fact]
    public async Task A_replayed_record_is_delivered_once()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var record = pair.Client.Protect("once"u8);

        pair.Server.Deliver(record);
        pair.Server.Deliver(record);

        pair.Server.Received.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Reordered_records_are_all_delivered_and_none_twice()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var records = Enumerable.Range(0, 500).Select(i => pair.Client.Protect([(byte)i, (byte)(i >> 8)])).ToArray();
        new Random(1).Shuffle(records);

        foreach (var record in records.Concat(records))
            pair.Server.Deliver(record);

        pair.Server.Received.Select(message => message[0] + (256 * message[1])).Order().ShouldBe(Enumerable.Range(0, 500));
    }

    [Fact]
    public async Task A_record_older_than_the_replay_window_is_dropped()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var old = pair.Client.Protect("old"u8);
        var edge = pair.Client.Protect("edge"u8);
        for (var i = 0; i < DtlsReplayWindow.Size - 1; i++)
            pair.Server.Deliver(pair.Client.Protect("new"u8));

        pair.Server.Deliver(old);
        pair.Server.Received.Count.ShouldBe(DtlsReplayWindow.Size - 1);
        pair.Server.Deliver(edge);
        pair.Server.Received.Count.ShouldBe(DtlsReplayWindow.Size);
    }

    [Fact]
    public void The_replay_window_agrees_with_a_set_of_everything_seen()
    {
        var jumps = Gen.Int[-1200, 1400].Array[1, 400];
        jumps.Sample(steps =>
        {
            var window = default(DtlsReplayWindow);
            var seen = new HashSet<ulong>();
            long position = 0, highest = 0;
            foreach (var step in steps)
            {
                position = Math.Max(0, highest + step);
                var expected = position > highest || (highest - position < DtlsReplayWindow.Size && !seen.Contains((ulong)position));
                if (window.IsNew((ulong)position) != expected)
                    return false;
                if (!expected)
                    continue;
                window.Add((ulong)position);
                seen.Add((ulong)position);
                highest = Math.Max(highest, position);
            }

            return true;
        });
    }

    [Fact]
    public async Task Several_records_in_one_datagram_are_all_read()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        byte[] datagram = [.. pair.Client.Protect("one"u8), .. pair.Client.Protect("two"u8), .. pair.Client.Protect("three"u8)];

        pair.Server.Deliver(datagram);

        pair.Server.Received.Select(System.Text.Encoding.ASCII.GetString).ShouldBe(["one", "two", "three"]);
    }

    [Fact]
    public async Task A_corrupted_record_is_dropped_and_does_not_use_up_its_number()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var record = pair.Client.Protect("intact"u8);
        for (var position = 0; position < record.Length; position++)
        {
            byte[] corrupted = [.. record];
            corrupted[position] ^= 0x40;
            pair.Server.Deliver(corrupted);
        }

        pair.Server.Received.Count.ShouldBe(0);
        pair.Server.Deliver(record);
        pair.Server.Take().ShouldBe("intact"u8.ToArray());
    }

    [Fact]
    public async Task A_sides_own_record_reflected_to_it_is_dropped()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();

        pair.Client.Deliver(pair.Client.Protect("echo"u8));

        pair.Client.Received.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Sequence_numbers_never_repeat_across_handshake_retransmission_and_data()
    {
        using var pair = new DtlsPair(new() { RetransmitTimeout = TimeSpan.FromMilliseconds(20) });
        var numbers = new List<ulong>();
        foreach (var endpoint in new[] { pair.Client, pair.Server })
        {
            var deliver = endpoint.Wire;
            var sent = 0;
            var side = endpoint == pair.Client ? 1UL << 63 : 0;
            endpoint.Wire = datagram =>
            {
                lock (numbers)
                    numbers.AddRange(Headers(datagram).Select(header => header.EpochAndSequence | side));
                if (Interlocked.Increment(ref sent) is not (2 or 3))
                    deliver(datagram);
            };
        }

        await pair.EstablishAsync();
        pair.Server.Send("ends the client's handshake"u8);
        pair.Client.Take();
        for (var i = 0; i < 10; i++)
            pair.Client.Send("data"u8);
        pair.Client.Close();

        lock (numbers)
        {
            numbers.ShouldBeUnique();
            numbers.Count(number => (number >> 48 & 1) == 1).ShouldBeGreaterThan(14);
        }
    }

    [Fact]
    public async Task Protecting_and_reading_allocates_nothing()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var buffer = new byte[1200 + DtlsSession.RecordOverhead];
        int Exchange(int count)
        {
            var bytes = 0;
            for (var i = 0; i < count; i++)
            {
                var datagram = buffer.AsSpan(0, pair.Client.Session.Protect(buffer, 1200));
                while (pair.Server.Session.TryReadApplicationData(ref datagram, out var plaintext))
                    bytes += plaintext.Length;
            }

            return bytes;
        }

        Exchange(1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Exchange(1000).ShouldBe(1_200_000);

        // Far below one byte per record: tiered compilation may charge a little to the thread.
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(1000);
    }

    [Fact]
    public async Task Close_notify_reaches_the_peer_and_is_answered()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var answers = new List<byte[]>();
        pair.Server.Wire = answers.Add;

        pair.Client.Close();

        await pair.Server.CloseNotify;
        pair.Server.Session.State.ShouldBe(DtlsSessionState.Closed);
        Headers(answers.ShouldHaveSingleItem()).ShouldHaveSingleItem().Type.ShouldBe(DtlsContentType.Alert);
        pair.Server.Failures.ShouldBe(0);
        Should.Throw<InvalidOperationException>(() => pair.Server.Protect("too late"u8));
        Should.Throw<InvalidOperationException>(() => pair.Client.Protect("too late"u8));
        pair.Client.Session.WriteCloseNotify(new byte[64]).ShouldBe(0);
    }

    [Fact]
    public async Task Close_notify_that_overtakes_the_end_of_the_handshake_still_closes()
    {
        using var pair = new DtlsPair();
        var release = new ManualResetEventSlim();
        pair.Server.BeforeCompletion = () => release.Wait(DtlsEndpoint.Patience);
        pair.Start();
        (await pair.Client.Outcome).ShouldBeNull();

        pair.Client.Send("last words"u8);
        pair.Client.Close();
        release.Set();

        await pair.Server.CloseNotify;
        pair.Server.Take().ShouldBe("last words"u8.ToArray());
    }

    /// <summary>Whoever can send to the socket can send these while a handshake is under way.</summary>
    [Fact]
    public async Task Unprotected_data_during_the_handshake_is_never_delivered()
    {
        using var pair = new DtlsPair();
        foreach (var endpoint in new[] { pair.Client, pair.Server })
        {
            var deliver = endpoint.Wire;
            endpoint.Wire = datagram =>
            {
                deliver(Framed(DtlsContentType.ApplicationData, 0, 50));
                deliver(datagram);
                deliver([.. Framed(DtlsContentType.ApplicationData, 0, 50), .. datagram]);
            };
        }

        await pair.EstablishAsync();

        pair.Client.Send("from client"u8);
        pair.Server.Send("from server"u8);
        pair.Server.Take().ShouldBe("from client"u8.ToArray());
        pair.Client.Take().ShouldBe("from server"u8.ToArray());
        (pair.Client.Received.Count, pair.Server.Received.Count).ShouldBe((0, 0));
    }

    [Fact]
    public async Task Unprotected_records_after_the_handshake_change_nothing()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        byte[] fatalAlert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];

        pair.Server.Deliver(fatalAlert);

        pair.Client.Send("still here"u8);
        pair.Server.Take().ShouldBe("still here"u8.ToArray());
        pair.Server.Failures.ShouldBe(0);
    }

    [Fact]
    public async Task Garbage_and_mutated_records_change_nothing_after_the_handshake()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();
        var template = pair.Client.Protect(new byte[100]);

        Hostile.Datagrams(template).Sample(pair.Server.Deliver, iter: 2000);

        pair.Server.Received.Count.ShouldBeLessThanOrEqualTo(1);
        pair.Client.Send("still here"u8);
        pair.Server.Received.Select(System.Text.Encoding.ASCII.GetString).ShouldContain("still here");
        (pair.Server.Failures, pair.Server.Session.State).ShouldBe((0, DtlsSessionState.Established));
    }

    [Theory]
    [InlineData(DtlsRole.Client)]
    [InlineData(DtlsRole.Server)]
    internal async Task Hostile_datagrams_during_the_handshake_end_in_one_outcome_at_most(DtlsRole target)
    {
        var recorded = await RecordAsync(target);
        var hostile = Gen.OneOf([.. recorded.Select(Hostile.Datagrams)]).Array[1, 12];
        var options = new DtlsOptions { RetransmitTimeout = TimeSpan.FromMilliseconds(5), Threads = new DtlsHandshakeThreads() };

        hostile.Sample(datagrams =>
        {
            using var endpoint = new DtlsEndpoint(DtlsPair.ClientCertificate, target, [DtlsPair.ServerCertificate.Fingerprint], options);
            foreach (var datagram in datagrams.Take(2))
                endpoint.Deliver(datagram);
            endpoint.Start();
            foreach (var datagram in datagrams.Skip(2))
                endpoint.Deliver(datagram);
            return endpoint.Completions == 0 && endpoint.Failures <= 1 && endpoint.Received.Count == 0;
        }, iter: 300);
        await DtlsEndpoint.ThreadsAreFree(options.Threads);
    }

    [Fact]
    public async Task A_handshake_over_a_corrupting_wire_has_exactly_one_outcome_on_each_side()
    {
        var options = new DtlsOptions { RetransmitTimeout = TimeSpan.FromMilliseconds(10), HandshakeTimeout = TimeSpan.FromSeconds(1) };
        var pairs = Enumerable.Range(0, 100).Select(seed => Corrupted(seed, options)).ToList();
        foreach (var pair in pairs)
            pair.Start();

        await Task.WhenAll(pairs.SelectMany(pair => new[] { pair.Client.Outcome, pair.Server.Outcome }));

        foreach (var endpoint in pairs.SelectMany(pair => new[] { pair.Client, pair.Server }))
            (endpoint.Completions + endpoint.Failures).ShouldBeInRange(1, endpoint.Completions == 1 ? 2 : 1);
        pairs.Count(pair => pair.Client.Completions == 1).ShouldBeGreaterThan(0);
        pairs.ForEach(pair => pair.Dispose());
    }

    [Fact]
    public async Task What_waits_for_the_handshake_is_bounded_in_number_and_size()
    {
        using var pair = new DtlsPair(new() { MaxQueuedDatagrams = 2, MaxEarlyDatagrams = 2, RetransmitTimeout = TimeSpan.FromMilliseconds(20) });
        for (var i = 0; i < 100; i++)
        {
            pair.Server.Deliver(Framed(DtlsContentType.Handshake, 0, 50));
            pair.Server.Deliver(Framed(DtlsContentType.ApplicationData, 1, 50));
            pair.Server.Deliver(Framed(DtlsContentType.Handshake, 0, DtlsHandshake.MaxReceivedDatagram));
        }

        await pair.EstablishAsync();

        pair.Server.Received.Count.ShouldBe(0);
    }

    [Fact]
    public void A_full_queue_drops_what_comes_on_top()
    {
        using var pair = new DtlsPair();
        var handshake = new DtlsHandshake(DtlsPair.ClientCertificate, DtlsRole.Server, [], pair.Client, DtlsOptions.Default);

        Enumerable.Range(0, 100).Count(_ => handshake.Enqueue(new byte[100])).ShouldBe(64);
        handshake.TakeQueue().Length.ShouldBe(64);
    }

    private static byte[] Framed(DtlsContentType type, ushort epoch, int bodyLength)
    {
        // 0xFF is no start of a handshake message: its length would not fit the record.
        var record = new byte[DtlsRecordHeader.Size + bodyLength];
        record.AsSpan().Fill(0xFF);
        new DtlsRecordHeader(type, DtlsRecordHeader.Dtls12, (ulong)epoch << 48, bodyLength).Write(record);
        return record;
    }

    private static IEnumerable<DtlsRecordHeader> Headers(byte[] datagram)
    {
        for (var rest = datagram; DtlsRecordHeader.TryRead(rest, out var header); rest = rest[header.RecordLength..])
            yield return header;
    }

    /// <summary>A pair of which every third datagram arrives with a byte changed.</summary>
    private static DtlsPair Corrupted(int seed, DtlsOptions options)
    {
        var pair = new DtlsPair(options);
        var random = new Random(seed);
        foreach (var endpoint in new[] { pair.Client, pair.Server })
        {
            var deliver = endpoint.Wire;
            endpoint.Wire = datagram =>
            {
                lock (random)
                {
                    if (random.Next(3) == 0)
                        datagram[random.Next(datagram.Length)] ^= (byte)random.Next(1, 256);
                }

                deliver(datagram);
            };
        }

        return pair;
    }

    /// <summary>What one side receives in a good handshake.</summary>
    private static async Task<List<byte[]>> RecordAsync(DtlsRole target)
    {
        using var pair = new DtlsPair();
        var recorded = new List<byte[]>();
        var sender = target == DtlsRole.Client ? pair.Server : pair.Client;
        var deliver = sender.Wire;
        sender.Wire = datagram =>
        {
            lock (recorded)
                recorded.Add(datagram);
            deliver(datagram);
        };
        await pair.EstablishAsync();
        lock (recorded)
            return [.. recorded];
    }

    /// <summary>Random bytes, truncations, and real datagrams with a few bytes changed.</summary>
    private static class Hostile
    {
        public static Gen<byte[]> Datagrams(byte[] template)
        {
            var mutations = Gen.Select(Gen.Int[0, template.Length - 1], Gen.Byte).Array[0, 6];
            var mutated = Gen.Select(mutations, Gen.Int[0, template.Length], Gen.Bool).Select((changes, length, cut) =>
            {
                byte[] copy = [.. template];
                foreach (var (position, value) in changes)
                    copy[position] = value;
                return cut ? copy[..length] : copy;
            });
            var garbage = Gen.Byte.Array[0, 200];
            var framed = Gen.Select(Gen.Byte[20, 23], Gen.UShort[0, 2], garbage).Select((type, epoch, body) =>
            {
                var record = Framed((DtlsContentType)type, epoch, body.Length);
                body.CopyTo(record, DtlsRecordHeader.Size);
                return record;
            });
            return Gen.OneOf(mutated, mutated, garbage, framed);
        }
    }
}
