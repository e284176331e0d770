using Registry.WebRtc.DataChannels;
using Registry.WebRtc.Tests.Net;

namespace Registry.WebRtc.Tests.DataChannels;

public sealed class AdversePathTests
{
    private const int Seeds = 200;
    private const int Total = 10_000_000;
    private const int MessageSize = 16 * 1024;

    private static readonly NetworkConditions adverse = new()
    {
        Delay = TimeSpan.FromMilliseconds(50),
        Loss = 0.05,
        Reordering = 0.05,
        Duplication = 0.02,
    };

    /// <summary>Bytes of which every window of a message differs, so that a wrong offset or order shows.</summary>
    private static readonly byte[] pattern = CreatePattern();

    [Fact]
    public void Ten_megabytes_arrive_intact_in_both_directions_at_once_for_200_seeds()
    {
        Parallel.For(0, Seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, Transfer);
    }

    private static void Transfer(int seed)
    {
        var pair = DataChannelPair.Connected(adverse, seed);
        var id = pair.Open();
        var (client, server) = (new Transferring(pair.Client, id), new Transferring(pair.Server, id));
        client.Pump(pair.Now);
        server.Pump(pair.Now);
        pair.Network.RunUntil(
            () =>
            {
                client.Pump(pair.Now);
                server.Pump(pair.Now);
                return client.Received == Total && server.Received == Total;
            },
            TimeSpan.FromHours(2)).ShouldBeTrue($"seed {seed}: {client.Received} and {server.Received} bytes arrived");
        client.Sent.ShouldBe(Total);
        server.Sent.ShouldBe(Total);
    }

    private static byte[] CreatePattern()
    {
        var bytes = new byte[Total + MessageSize];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private sealed class Transferring
    {
        private readonly DataChannelPeer peer;
        private readonly ushort id;
        private bool isBlocked;

        public Transferring(DataChannelPeer peer, ushort id)
        {
            this.peer = peer;
            this.id = id;
            peer.MessageHandler = Take;
        }

        public int Sent { get; private set; }

        public int Received { get; private set; }

        public void Pump(TimeSpan now)
        {
            if (isBlocked && peer.Events.RemoveAll(e => e.Kind == DataChannelEventKind.SendBufferLow) == 0)
                return;
            isBlocked = false;
            while (Sent < Total && !isBlocked)
            {
                var length = Math.Min(MessageSize, Total - Sent);
                if (peer.Association.TrySend(now, id, pattern.AsSpan(Sent, length), DataChannelMessageType.Binary))
                    Sent += length;
                else
                    isBlocked = true;
            }
        }

        private void Take(ushort channel, DataChannelMessage message)
        {
            var data = message.Data.Span;
            data.SequenceEqual(pattern.AsSpan(Received, data.Length)).ShouldBeTrue($"at {Received}");
            Received += data.Length;
            peer.Association.MessageConsumed(data.Length);
            message.Dispose();
        }
    }
}
