using System.Net;
using System.Security.Cryptography;
using static Registry.WebRtc.Tests.PeerConnections.ConnectionPair;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>What a connection tells about itself, over an in-memory link that counts what goes over it.</summary>
public sealed class StatisticsTests : IAsyncLifetime
{
    private const int Messages = 300;
    private const int MessageSize = 10_000;

    private readonly InMemoryLink link = new();
    private readonly PeerConnectionFactory a;
    private readonly PeerConnectionFactory b;
    private readonly IPeerConnection offerer;
    private readonly IPeerConnection answerer;
    private IDataChannel sending = null!;
    private IDataChannel receiving = null!;
    private long packets;
    private long bytes;

    public StatisticsTests()
    {
        link.OnTheWay = Count;
        a = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.1")] }, link.A);
        b = PeerConnectionFactory.Create(new() { HostAddresses = [IPAddress.Parse("192.0.2.2")] }, link.B);
        offerer = a.CreatePeerConnection();
        answerer = b.CreatePeerConnection();
    }

    public async Task InitializeAsync()
    {
        var received = new TaskCompletionSource<IDataChannel>(TaskCreationOptions.RunContinuationsAsynchronously);
        answerer.DataChannelReceived += channel => received.TrySetResult(channel);
        sending = offerer.CreateDataChannel("test", new() { Protocol = "count" });
        var fresh = offerer.GetStatsReport();
        fresh.Transport.DtlsState.ShouldBe(DtlsTransportState.New);
        fresh.SctpTransport.ShouldBeNull();
        fresh.SelectedCandidatePair.ShouldBeNull();
        fresh.DataChannels.ShouldHaveSingleItem().State.ShouldBe(DataChannelState.Connecting);
        await SignalAsync(offerer, answerer);
        await sending.WaitForOpenAsync().WaitAsync(Patience);
        receiving = await received.Task.WaitAsync(Patience);
    }

    public async Task DisposeAsync()
    {
        await a.DisposeAsync();
        await b.DisposeAsync();
    }

    [Fact]
    public async Task Figures_of_both_sides_add_up()
    {
        await TransferAsync();

        var (left, right) = (offerer.GetStatsReport(), answerer.GetStatsReport());
        var (sender, receiver) = (left.DataChannels.ShouldHaveSingleItem(), right.DataChannels.ShouldHaveSingleItem());
        sender.ShouldBe(new DataChannelStatistics
        {
            Label = "test", Protocol = "count", DataChannelIdentifier = sending.Id, State = DataChannelState.Open,
            MessagesSent = Messages, BytesSent = Messages * MessageSize, MessagesReceived = 1, BytesReceived = 3,
        });
        receiver.ShouldBe(sender with { MessagesSent = 1, BytesSent = 3, MessagesReceived = Messages, BytesReceived = Messages * MessageSize });
        offerer.GetStatistics().BytesSent.ShouldBe(sender.BytesSent);
        left.SelectedCandidatePair!.BytesSent.ShouldBeGreaterThan(Messages * MessageSize);
        right.SelectedCandidatePair!.BytesReceived.ShouldBeGreaterThan(Messages * MessageSize);
        left.DataChannelsOpened.ShouldBe(1);
        right.DataChannelsOpened.ShouldBe(1);

        // Nothing is sent after a connection's end, so what both count is what went over the link.
        await offerer.DisposeAsync();
        await answerer.DisposeAsync();
        (left, right) = (offerer.GetStatsReport(), answerer.GetStatsReport());
        (left.Transport.PacketsSent + right.Transport.PacketsSent).ShouldBe(Interlocked.Read(ref packets));
        (left.Transport.BytesSent + right.Transport.BytesSent).ShouldBe(Interlocked.Read(ref bytes));
        left.DataChannels.ShouldBeEmpty();
        left.DataChannelsClosed.ShouldBe(1);
        right.DataChannelsClosed.ShouldBe(1);
    }

    [Fact]
    public async Task The_path_and_its_protocols_are_described()
    {
        await TransferAsync();

        var (left, right) = (offerer.GetStatsReport(), answerer.GetStatsReport());
        left.Transport.IceRole.ShouldBe(IceRole.Controlling);
        right.Transport.IceRole.ShouldBe(IceRole.Controlled);
        left.Transport.IceLocalUsernameFragment.ShouldBe(offerer.LocalDescription!.Sdp.Split("a=ice-ufrag:")[1].Split('\r')[0]);
        foreach (var (side, other) in new[] { (left, right), (right, left) })
        {
            side.Transport.DtlsState.ShouldBe(DtlsTransportState.Connected);
            side.Transport.TlsVersion.ShouldBe("FEFD");
            side.Transport.DtlsCipher.ShouldBe("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
            side.Transport.RemoteFingerprint.ShouldBe(other.Transport.LocalFingerprint);
            side.Transport.DtlsRole.ShouldNotBe(other.Transport.DtlsRole);
            side.Transport.SelectedCandidatePairChanges.ShouldBe(1);
            side.Transport.IceRestarts.ShouldBe(0);
            var pair = side.SelectedCandidatePair.ShouldNotBeNull();
            pair.State.ShouldBe(IcePairState.Succeeded);
            pair.CurrentRoundTripTime.ShouldNotBeNull().ShouldBeLessThanOrEqualTo(pair.TotalRoundTripTime);
            pair.RequestsSent.ShouldBeGreaterThan(0);
            pair.ResponsesReceived.ShouldBeInRange(1, pair.RequestsSent + pair.ConsentRequestsSent);
            pair.RequestsReceived.ShouldBeGreaterThan(0);
            // What was answered before the pair was known is not of the pair.
            pair.ResponsesSent.ShouldBeLessThanOrEqualTo(pair.RequestsReceived);
            side.LocalCandidates.ShouldContain(candidate => candidate.Id == pair.LocalCandidateId);
            side.RemoteCandidates.ShouldContain(candidate => candidate.Id == pair.RemoteCandidateId);
            var sctp = side.SctpTransport.ShouldNotBeNull();
            sctp.CongestionWindow.ShouldBeGreaterThan(0);
            sctp.Mtu.ShouldBeGreaterThan(1000);
            sctp.SmoothedRoundTripTime.ShouldNotBeNull();
            sctp.PacketsReceived.ShouldBeGreaterThan(0);
            sctp.PacketsDiscarded.ShouldBe(0);
        }
        (left.SelectedCandidatePair!.ResponsesSent + right.SelectedCandidatePair!.ResponsesSent).ShouldBeGreaterThan(0);
        left.SctpTransport!.ReceiverWindow.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Counters_never_fall_while_another_thread_reads_them()
    {
        var transfer = Task.Run(TransferAsync);
        var (transfers, reports) = (1, 0);
        long[] last = [];
        while (reports < 200 || !transfer.IsCompleted)
        {
            if (transfer.IsCompleted)
            {
                await transfer;
                transfer = Task.Run(TransferAsync);
                transfers++;
            }
            var now = Counters(answerer.GetStatsReport());
            for (var i = 0; i < last.Length; i++)
                now[i].ShouldBeGreaterThanOrEqualTo(last[i], $"counter {i} fell");
            last = now;
            reports++;
        }

        await transfer;
        Counters(answerer.GetStatsReport())[^1].ShouldBe((long)transfers * Messages * MessageSize);
    }

    /// <summary>A datagram is sent under the connection's lock: as long as it is on its way nobody else gets that.</summary>
    [Fact]
    public async Task They_are_read_while_the_connection_is_busy()
    {
        var busy = new ManualResetEventSlim();
        var read = new ManualResetEventSlim();
        link.OnTheWay = datagram =>
        {
            busy.Set();
            read.Wait(Patience);
            return [datagram];
        };
        var send = Task.Run(() => sending.SendAsync(new byte[1]).AsTask());
        busy.Wait(Patience).ShouldBeTrue();

        var reading = Task.Run(() => (offerer.GetStatsReport(), offerer.GetStatistics()));

        try
        {
            var (report, _) = await reading.WaitAsync(Patience / 2);
            report.DataChannels.ShouldHaveSingleItem().State.ShouldBe(DataChannelState.Open);
            send.IsCompleted.ShouldBeFalse();
        }
        finally
        {
            read.Set();
        }
        await send;
    }

    [Fact]
    public async Task A_restart_of_ICE_counts_as_one_and_changes_the_pair()
    {
        var before = offerer.GetStatsReport();
        offerer.RestartIce();

        await SignalAsync(offerer, answerer, trickle: false);
        while (offerer.GetStatsReport().Transport.SelectedCandidatePairChanges < 2 || offerer.GetStatsReport().SelectedCandidatePair is not { Nominated: true })
            await Task.Yield();

        var after = offerer.GetStatsReport();
        after.Transport.IceRestarts.ShouldBe(1);
        after.Transport.IceLocalUsernameFragment.ShouldNotBe(before.Transport.IceLocalUsernameFragment);
        after.SelectedCandidatePair!.Id.ShouldNotBe(before.SelectedCandidatePair!.Id);
        after.Transport.BytesSent.ShouldBeGreaterThan(before.Transport.BytesSent);
        answerer.GetStatsReport().Transport.IceRestarts.ShouldBe(1);
    }

    private static long[] Counters(StatsReport report) =>
    [
        report.Transport.PacketsSent, report.Transport.PacketsReceived, report.Transport.BytesSent, report.Transport.BytesReceived,
        report.Transport.SelectedCandidatePairChanges, report.SelectedCandidatePair!.PacketsReceived, report.SelectedCandidatePair.BytesReceived,
        report.SelectedCandidatePair.PacketsSent, report.SelectedCandidatePair.RequestsReceived, report.SctpTransport!.PacketsReceived,
        report.SctpTransport.PacketsSent, report.SctpTransport.Retransmissions, report.DataChannels[0].MessagesReceived, report.DataChannels[0].BytesReceived,
    ];

    private IEnumerable<byte[]> Count(byte[] datagram)
    {
        Interlocked.Increment(ref packets);
        Interlocked.Add(ref bytes, datagram.Length);
        return [datagram];
    }

    private async Task TransferAsync()
    {
        var payload = RandomNumberGenerator.GetBytes(MessageSize);
        var arriving = Task.Run(async () =>
        {
            for (var i = 0; i < Messages; i++)
                (await receiving.ReceiveAsync()).ShouldNotBeNull().Dispose();
            await receiving.SendAsync(new byte[3]);
        });
        for (var i = 0; i < Messages; i++)
            await sending.SendAsync(payload);
        await arriving.WaitAsync(Patience);
        (await sending.ReceiveAsync().AsTask().WaitAsync(Patience)).ShouldNotBeNull().Dispose();
    }
}
