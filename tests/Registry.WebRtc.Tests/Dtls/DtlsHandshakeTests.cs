using System.Collections.Concurrent;
using Registry.WebRtc.Dtls;

namespace Registry.WebRtc.Tests.Dtls;

public sealed class DtlsHandshakeTests
{
    private static readonly DtlsOptions Quick = new() { RetransmitTimeout = TimeSpan.FromMilliseconds(20) };

    [Fact]
    public async Task Two_sessions_complete_once_each_and_exchange_data_both_ways()
    {
        using var pair = new DtlsPair();
        await pair.EstablishAsync();

        pair.Client.Send("from client"u8);
        pair.Server.Send("from server"u8);

        pair.Server.Take().ShouldBe("from client"u8.ToArray());
        pair.Client.Take().ShouldBe("from server"u8.ToArray());
        (pair.Client.Completions, pair.Client.Failures).ShouldBe((1, 0));
        (pair.Server.Completions, pair.Server.Failures).ShouldBe((1, 0));
    }

    [Fact]
    public async Task Both_hellos_agree_on_srtp_because_some_stacks_insist_on_it()
    {
        // Extension 14, 5 bytes: one profile, SRTP_AES128_CM_HMAC_SHA1_80, and no key identifier (RFC 5764 §4.1.1).
        byte[] extension = [0, 14, 0, 5, 0, 2, 0, 1, 0];
        using var pair = new DtlsPair();
        var agreed = new ConcurrentDictionary<DtlsEndpoint, bool>();
        foreach (var endpoint in new[] { pair.Client, pair.Server })
        {
            var deliver = endpoint.Wire;
            endpoint.Wire = datagram =>
            {
                if (datagram.AsSpan().IndexOf(extension) >= 0)
                    agreed[endpoint] = true;
                deliver(datagram);
            };
        }

        await pair.EstablishAsync();

        agreed.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_server_that_starts_after_the_first_flight_arrived_still_answers_it()
    {
        using var pair = new DtlsPair(new() { RetransmitTimeout = DtlsEndpoint.Patience });
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        pair.Client.Wire = datagram =>
        {
            pair.Server.Deliver(datagram);
            arrived.TrySetResult();
        };
        pair.Client.Start();
        await arrived.Task.WaitAsync(DtlsEndpoint.Patience);

        pair.Server.Start();

        (await pair.Client.Outcome).ShouldBeNull();
        (await pair.Server.Outcome).ShouldBeNull();
    }

    [Theory]
    [InlineData(DtlsRole.Client)]
    [InlineData(DtlsRole.Server)]
    internal async Task A_certificate_other_than_the_promised_one_fails_both_sides(DtlsRole suspicious)
    {
        using var stranger = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        var clientExpects = suspicious == DtlsRole.Client ? stranger : DtlsPair.ServerCertificate;
        var serverExpects = suspicious == DtlsRole.Server ? stranger : DtlsPair.ClientCertificate;
        using var client = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, [clientExpects.Fingerprint]);
        using var server = new DtlsEndpoint(DtlsPair.ServerCertificate, DtlsRole.Server, [serverExpects.Fingerprint]);
        DtlsEndpoint.Connect(client, server);
        server.Start();
        client.Start();

        var (checking, other) = suspicious == DtlsRole.Client ? (client, server) : (server, client);
        var failure = await checking.Failure;
        failure.Kind.ShouldBe(PeerConnectionFailureKind.FingerprintMismatch);
        failure.Message.ShouldContain("sha-256");
        failure.Message.ShouldContain(stranger.Fingerprint.Value[..11]);
        var told = await other.Failure;
        told.Kind.ShouldBe(PeerConnectionFailureKind.DtlsFailed);
        told.Message.ShouldContain("bad_certificate");
        (checking.Completions + other.Completions).ShouldBe(0);
        (checking.Failures, other.Failures).ShouldBe((1, 1));
    }

    [Fact]
    public async Task Any_of_several_promised_certificates_will_do()
    {
        using var stranger = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        var promised = CertificateFingerprint.Compute("sha-384", DtlsPair.ServerCertificate.Der);
        using var client = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, [stranger.Fingerprint, promised]);
        using var server = new DtlsEndpoint(DtlsPair.ServerCertificate, DtlsRole.Server, [DtlsPair.ClientCertificate.Fingerprint]);
        DtlsEndpoint.Connect(client, server);
        server.Start();
        client.Start();

        (await client.Outcome).ShouldBeNull();
    }

    [Fact]
    public async Task Without_any_promised_certificate_the_handshake_fails()
    {
        using var client = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, []);
        using var server = new DtlsEndpoint(DtlsPair.ServerCertificate, DtlsRole.Server, [DtlsPair.ClientCertificate.Fingerprint]);
        DtlsEndpoint.Connect(client, server);
        server.Start();
        client.Start();

        (await client.Failure).Kind.ShouldBe(PeerConnectionFailureKind.FingerprintMismatch);
    }

    [Theory]
    [InlineData(DtlsRole.Client, 1)]
    [InlineData(DtlsRole.Client, 2)]
    [InlineData(DtlsRole.Server, 1)]
    [InlineData(DtlsRole.Server, 2)]
    internal async Task A_lost_flight_is_sent_again(DtlsRole sender, int lost)
    {
        using var pair = new DtlsPair(Quick);
        var dropped = Drop(sender == DtlsRole.Client ? pair.Client : pair.Server, lost);

        await pair.EstablishAsync();

        // The server does not wait for its last flight to arrive: data in the client's hands proves that it did.
        pair.Server.Send("after the loss"u8);
        pair.Client.Take().ShouldBe("after the loss"u8.ToArray());
        dropped().ShouldBe(1);
    }

    [Fact]
    public async Task Every_second_datagram_may_be_lost()
    {
        using var pair = new DtlsPair(Quick);
        foreach (var endpoint in new[] { pair.Client, pair.Server })
        {
            var deliver = endpoint.Wire;
            var count = 0;
            endpoint.Wire = datagram =>
            {
                if (Interlocked.Increment(ref count) % 2 == 0)
                    deliver(datagram);
            };
        }

        await pair.EstablishAsync();
    }

    [Fact]
    public async Task Flights_larger_than_a_datagram_are_split_and_put_together()
    {
        var longest = 0;
        using var pair = new DtlsPair(new DtlsOptions { MaxDatagramSize = 300, RetransmitTimeout = DtlsEndpoint.Patience });
        var deliver = pair.Server.Wire;
        pair.Server.Wire = datagram =>
        {
            longest = Math.Max(longest, datagram.Length);
            deliver(datagram);
        };

        await pair.EstablishAsync();

        longest.ShouldBeInRange(200, 300);
    }

    [Fact]
    public async Task Data_that_overtakes_the_end_of_the_handshake_is_delivered_after_it()
    {
        using var pair = new DtlsPair(new DtlsOptions { RetransmitTimeout = DtlsEndpoint.Patience });
        var held = new BlockingCollection<byte[]>();
        var toClient = pair.Server.Wire;
        pair.Server.Wire = datagram =>
        {
            // The server's second flight ends the handshake; let the data behind it pass first.
            if (datagram[0] == (byte)DtlsContentType.ChangeCipherSpec)
                held.Add(datagram);
            else
                toClient(datagram);
        };
        pair.Start();
        (await pair.Server.Outcome).ShouldBeNull();
        for (var i = 0; i < 40; i++)
            pair.Server.Send([(byte)i]);
        pair.Client.Received.Count.ShouldBe(0);

        toClient(held.Take());

        (await pair.Client.Outcome).ShouldBeNull();
        // 32 datagrams are kept; the rest is lost as on any network.
        Enumerable.Range(0, 32).Select(_ => pair.Client.Take().Single()).ShouldBe(Enumerable.Range(0, 32).Select(i => (byte)i));
        pair.Client.Received.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Data_that_arrives_before_the_owner_handled_the_completion_is_not_lost()
    {
        using var pair = new DtlsPair();
        var blocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new ManualResetEventSlim();
        pair.Server.BeforeCompletion = () =>
        {
            blocked.SetResult();
            release.Wait(DtlsEndpoint.Patience);
        };
        pair.Start();
        (await pair.Client.Outcome).ShouldBeNull();
        await blocked.Task.WaitAsync(DtlsEndpoint.Patience);

        pair.Client.Send("early"u8);
        pair.Server.Received.Count.ShouldBe(0);
        release.Set();

        pair.Server.Take().ShouldBe("early"u8.ToArray());
    }

    [Fact]
    public async Task Four_hundred_handshakes_at_once_all_complete()
    {
        var pairs = Enumerable.Range(0, 200).Select(_ => new DtlsPair()).ToList();
        foreach (var pair in pairs)
            pair.Start();

        var outcomes = await Task.WhenAll(pairs.SelectMany(pair => new[] { pair.Client.Outcome, pair.Server.Outcome }));

        outcomes.ShouldAllBe(failure => failure == null);
        pairs.ForEach(pair => pair.Dispose());
    }

    [Fact]
    public async Task More_handshakes_than_threads_wait_in_turn()
    {
        var options = new DtlsOptions { Threads = new DtlsHandshakeThreads(limit: 4) };
        var pairs = Enumerable.Range(0, 40).Select(_ => new DtlsPair(options)).ToList();
        foreach (var pair in pairs)
            pair.Client.Start();
        foreach (var pair in pairs)
            pair.Server.Start();

        var outcomes = await Task.WhenAll(pairs.SelectMany(pair => new[] { pair.Client.Outcome, pair.Server.Outcome }));

        outcomes.ShouldAllBe(failure => failure == null);
        options.Threads.Count.ShouldBeLessThanOrEqualTo(4);
        pairs.ForEach(pair => pair.Dispose());
    }

    [Fact]
    public async Task Too_many_waiting_handshakes_are_refused_and_the_others_go_on()
    {
        // One thread and one place to wait for each role.
        var options = new DtlsOptions { Threads = new DtlsHandshakeThreads(limit: 2, waitingLimit: 2) };
        using var silent = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, [DtlsPair.ServerCertificate.Fingerprint], options);
        using var waiting = new DtlsPair(options);
        using var refused = new DtlsPair(options);
        silent.Start();
        waiting.Start();
        refused.Start();

        var failure = await refused.Client.Failure;
        failure.Kind.ShouldBe(PeerConnectionFailureKind.DtlsFailed);
        failure.Message.ShouldContain("Too many");
        refused.Client.Session.State.ShouldBe(DtlsSessionState.Closed);

        silent.Dispose();
        (await waiting.Client.Outcome).ShouldBeNull();
        (await waiting.Server.Outcome).ShouldBeNull();
    }

    [Theory]
    [InlineData(null, 100)]
    [InlineData(0.2, 50)]
    [InlineData(50.0, 150)]
    [InlineData(600.0, 1000)]
    public void A_flight_is_sent_again_after_a_time_that_fits_the_path(double? roundTripMilliseconds, double expected)
    {
        TimeSpan? roundTrip = roundTripMilliseconds is { } ms ? TimeSpan.FromMilliseconds(ms) : null;
        DtlsOptions.Default.For(roundTrip).RetransmitTimeout.ShouldBe(TimeSpan.FromMilliseconds(expected));
    }

    [Theory]
    [InlineData(DtlsRole.Client)]
    [InlineData(DtlsRole.Server)]
    internal async Task A_silent_peer_ends_in_a_timeout(DtlsRole role)
    {
        var options = new DtlsOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(50), Threads = new DtlsHandshakeThreads() };
        using var alone = new DtlsEndpoint(DtlsPair.ClientCertificate, role, [DtlsPair.ServerCertificate.Fingerprint], options);
        alone.Start();

        var failure = await alone.Failure;

        failure.Kind.ShouldBe(PeerConnectionFailureKind.DtlsFailed);
        failure.Message.ShouldContain("timed out");
        alone.Session.State.ShouldBe(DtlsSessionState.Closed);
        await DtlsEndpoint.ThreadsAreFree(options.Threads);
        alone.Failures.ShouldBe(1);
    }

    [Fact]
    public async Task Disposal_in_the_middle_of_the_handshake_frees_the_thread_and_reports_nothing()
    {
        var options = new DtlsOptions { HandshakeTimeout = DtlsEndpoint.Patience, Threads = new DtlsHandshakeThreads() };
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var alone = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, [DtlsPair.ServerCertificate.Fingerprint], options)
        {
            Wire = _ => sent.TrySetResult(),
        };
        alone.Start();
        await sent.Task.WaitAsync(DtlsEndpoint.Patience);
        options.Threads.Busy.ShouldBe(1);

        alone.Dispose();

        await DtlsEndpoint.ThreadsAreFree(options.Threads);
        (alone.Completions, alone.Failures).ShouldBe((0, 0));
    }

    [Fact]
    public async Task The_retry_of_a_handshake_that_failed_does_not_inherit_anything()
    {
        using var stranger = DtlsCertificate.Create(DateTimeOffset.UtcNow);
        using (var client = new DtlsEndpoint(DtlsPair.ClientCertificate, DtlsRole.Client, [stranger.Fingerprint]))
        using (var server = new DtlsEndpoint(DtlsPair.ServerCertificate, DtlsRole.Server, [DtlsPair.ClientCertificate.Fingerprint]))
        {
            DtlsEndpoint.Connect(client, server);
            server.Start();
            client.Start();
            await client.Failure;
        }

        using var pair = new DtlsPair();
        await pair.EstablishAsync();
    }

    /// <summary>Drops one of a side's datagrams, counted from 1.</summary>
    private static Func<int> Drop(DtlsEndpoint endpoint, int lost)
    {
        var deliver = endpoint.Wire;
        int sent = 0, dropped = 0;
        endpoint.Wire = datagram =>
        {
            if (Interlocked.Increment(ref sent) == lost)
                Interlocked.Increment(ref dropped);
            else
                deliver(datagram);
        };
        return () => dropped;
    }
}
