using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Time.Testing;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

public sealed class IdlePathTests
{
    /// <summary>A NAT forgets a mapping that nothing uses: half an hour without a message is half an hour of consent checks.</summary>
    [Fact]
    public async Task A_connection_without_traffic_keeps_sending_until_it_is_closed()
    {
        var link = new InMemoryLink();
        var sent = 0;
        link.OnTheWay = datagram =>
        {
            Interlocked.Increment(ref sent);
            return [datagram];
        };
        var interval = TimeSpan.FromMilliseconds(20);
        await using var a = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.1")] }, link.A);
        await using var b = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.2")] }, link.B);
        var offerer = a.CreatePeerConnection(new() { ConsentInterval = interval });
        var answerer = b.CreatePeerConnection(new() { ConsentInterval = interval });
        var channel = offerer.CreateDataChannel("idle");
        await SignalAsync(offerer, answerer);
        await channel.WaitForOpenAsync().WaitAsync(Patience);

        var before = Volatile.Read(ref sent);
        using var patience = new CancellationTokenSource(Patience);
        while (Volatile.Read(ref sent) < before + 100) // 25 checks of each side and their answers
            await Task.Delay(interval, patience.Token);

        offerer.ConnectionState.ShouldBe(PeerConnectionState.Connected);
        await offerer.DisposeAsync();
        await answerer.DisposeAsync();
        var after = Volatile.Read(ref sent);
        await Task.Delay(interval * 10);
        Volatile.Read(ref sent).ShouldBe(after);
    }

    /// <summary>An hour of virtual time with the default intervals; A is behind the NAT.</summary>
    [Fact]
    public async Task An_hour_without_a_message_passes_a_NAT_that_forgets_its_mapping_after_30_s()
    {
        var time = new FakeTimeProvider();
        var link = new InMemoryLink();
        var nat = new Nat(time, link.A);
        link.Carries = (from, _) => nat.Carries(from);
        await using var a = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.1")], TimeProvider = time }, link.A);
        await using var b = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.2")], TimeProvider = time }, link.B);
        var (offerer, answerer) = (a.CreatePeerConnection(), b.CreatePeerConnection());
        var arrived = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += channel => arrived.TrySetResult(channel);
        var channel = offerer.CreateDataChannel("idle");
        await SignalAsync(offerer, answerer);
        var peer = await arrived.Task.WaitAsync(Patience);
        var states = new ConcurrentQueue<PeerConnectionState>();
        offerer.ConnectionStateChanged += states.Enqueue;
        answerer.ConnectionStateChanged += states.Enqueue;

        var (here, there) = (new Checks(time, offerer), new Checks(time, answerer));
        for (var second = 0; second < 3600; second++)
            await PassSecondAsync();

        nat.Lost.ShouldBe(0);
        states.ShouldNotContain(PeerConnectionState.Disconnected);
        await peer.SendAsync(new byte[1000]); // from outside
        (await channel.ReceiveAsync().AsTask().WaitAsync(Patience))!.Dispose();

        // That it forgets at all: nothing of A's comes through any more, and so, after its time, nothing of B's.
        (nat.IsCut, nat.Lifetime) = (true, TimeSpan.FromSeconds(2));
        time.Advance(TimeSpan.FromSeconds(3));
        await peer.SendAsync(new byte[1000]);
        await UntilAsync(() => nat.Lost > 0);

        async Task PassSecondAsync()
        {
            time.Advance(TimeSpan.FromSeconds(1));
            // A timer that was set while the clock moved on is late by as much, so the clock must not stand still for it.
            await UntilAsync(() => nat.Lost > 0 || (here.IsUpToDate() && there.IsUpToDate()), () => time.Advance(TimeSpan.FromMilliseconds(20)));
        }
    }

    private static async Task UntilAsync(Func<bool> condition, Action? meanwhile = null)
    {
        using var patience = new CancellationTokenSource(Patience);
        for (var turns = 0; !condition(); turns++)
        {
            if (turns < 100)
            {
                await Task.Yield();
                continue;
            }
            await Task.Delay(10, patience.Token);
            meanwhile?.Invoke();
        }
    }

    private sealed class Nat(TimeProvider time, InMemoryLink.End inside)
    {
        private long usedAt = time.GetTimestamp();

        public TimeSpan Lifetime { get; set; } = TimeSpan.FromSeconds(30);

        /// <summary>Whether what comes from inside is stopped, and keeps no mapping.</summary>
        public bool IsCut { get; set; }

        public int Lost { get; private set; }

        public bool Carries(InMemoryLink.End from)
        {
            if (from == inside)
            {
                if (IsCut)
                    return false;
                Volatile.Write(ref usedAt, time.GetTimestamp());
                return true;
            }
            if (time.GetElapsedTime(Volatile.Read(ref usedAt)) <= Lifetime)
                return true;
            Lost++;
            return false;
        }
    }

    /// <summary>The consent checks of one side, by which the clock goes: a machine that is slow makes it wait.</summary>
    private sealed class Checks(TimeProvider time, IPeerConnection connection)
    {
        // They are 6 s apart at most (RFC 7675 §5.1).
        private static readonly TimeSpan longestPause = TimeSpan.FromSeconds(8);
        private long sent;
        private long sentAt = time.GetTimestamp();
        private long answered;
        private long answeredBefore = -1;

        /// <summary>Whether the next check was sent, if it was due, and the last one answered.</summary>
        public bool IsUpToDate()
        {
            var pair = connection.GetStatsReport().CandidatePairs.Single(pair => pair.Nominated);
            if (pair.ConsentRequestsSent != sent)
                (sent, sentAt, answeredBefore) = (pair.ConsentRequestsSent, time.GetTimestamp(), answered);
            answered = pair.ResponsesReceived;
            return time.GetElapsedTime(sentAt) < longestPause && answered > answeredBefore;
        }
    }
}
