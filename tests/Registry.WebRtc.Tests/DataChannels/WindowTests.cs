using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Sctp;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

/// <summary>Windows that follow the path.</summary>
public sealed class WindowTests
{
    private const int First = 300_000;
    private const int Most = 2_000_000;
    private static readonly NetworkConditions far = new() { Delay = TimeSpan.FromMilliseconds(50) };
    private static readonly SctpOptions growing = SctpOptions.Default with
    {
        ReceiveBufferSize = First,
        MaxReceiveBufferSize = Most,
        SendBufferSize = 200_000,
    };

    [Fact]
    public void The_receive_window_grows_with_the_rate_and_no_further_than_allowed()
    {
        var pair = DataChannelPair.Connected(far, clientOptions: growing);
        var largest = Stream(pair, pair.Open(), bytes: 12_000_000);
        largest.ShouldBeInRange(Most - Most / 20, Most);
        pair.Client.Association.Statistics.Timeouts.ShouldBe(0);
    }

    [Fact]
    public void The_receive_window_of_a_reader_that_stops_does_not_grow()
    {
        var pair = DataChannelPair.Connected(far, clientOptions: growing);
        var id = pair.Open();
        pair.Server.ConsumesMessages = false;
        for (var i = 0; i < 40; i++)
        {
            while (pair.Client.Association.TrySend(pair.Now, id, new byte[10_000], DataChannelMessageType.Binary))
                ;
            pair.Settle(1);
        }
        pair.Server.Association.Statistics.ReceiveBufferUsed.ShouldBeInRange(First / 2, 2 * First);
    }

    [Fact]
    public void After_an_idle_time_the_receive_window_is_what_it_was_at_first()
    {
        var pair = DataChannelPair.Connected(far, clientOptions: growing);
        var id = pair.Open();
        Stream(pair, id, bytes: 6_000_000).ShouldBeGreaterThan(2 * First);
        pair.Settle(seconds: 90);
        pair.Client.Association.TrySend(pair.Now, id, [1], DataChannelMessageType.Binary).ShouldBeTrue();
        pair.Settle(seconds: 1);
        pair.Client.Association.Statistics.PeerReceiveWindow.ShouldBe(First);
    }

    [Fact]
    public void More_than_the_send_buffer_is_in_flight_where_the_path_takes_more()
    {
        var pair = DataChannelPair.Connected(far, clientOptions: growing);
        var id = pair.Open();
        var most = 0L;
        Stream(pair, id, bytes: 6_000_000, () =>
        {
            var statistics = pair.Client.Association.Statistics;
            most = Math.Max(most, statistics.BytesInFlight);
            (statistics.SendBufferUsed - statistics.BytesInFlight).ShouldBeLessThanOrEqualTo(growing.SendBufferSize, "what waits is bounded");
        });
        most.ShouldBeGreaterThan(2 * growing.SendBufferSize);
    }

    [Fact]
    public void Bytes_in_flight_have_a_limit_of_their_own()
    {
        var pair = DataChannelPair.Connected(far, clientOptions: growing with { MaxBytesInFlight = 400_000 });
        var most = 0L;
        Stream(pair, pair.Open(), bytes: 6_000_000, () => most = Math.Max(most, pair.Client.Association.Statistics.BytesInFlight));
        most.ShouldBeInRange(300_000, 400_000 + 1200);
    }

    /// <summary>Sends as fast as the buffer takes it; returns the largest window the receiver announced.</summary>
    private static long Stream(DataChannelPair pair, ushort id, int bytes, Action? check = null)
    {
        var message = new byte[16 * 1024];
        var (sent, received, largest) = (0, 0, 0L);
        pair.Server.MessageHandler = (_, arrived) =>
        {
            received += arrived.Data.Length;
            pair.Server.Association.MessageConsumed(arrived.Data.Length);
            arrived.Dispose();
        };
        pair.RunUntil(() =>
        {
            while (sent < bytes && pair.Client.Association.TrySend(pair.Now, id, message, DataChannelMessageType.Binary))
                sent += message.Length;
            var statistics = pair.Client.Association.Statistics;
            largest = Math.Max(largest, statistics.PeerReceiveWindow + statistics.BytesInFlight);
            check?.Invoke();
            return sent >= bytes && received == sent;
        });
        return largest;
    }
}
