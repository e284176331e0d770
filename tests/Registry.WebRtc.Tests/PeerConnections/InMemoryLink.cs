using System.Net;
using System.Threading.Channels;
using Registry.WebRtc.Net;

namespace Registry.WebRtc.Tests.PeerConnections;

/// <summary>Two datagram transports that deliver to each other; what happens to a datagram on the way is the test's choice.</summary>
internal sealed class InMemoryLink
{
    public InMemoryLink()
    {
        A = new(this, new(IPAddress.Parse("192.0.2.1"), 1000));
        B = new(this, new(IPAddress.Parse("192.0.2.2"), 2000));
    }

    /// <summary>Turns one datagram into those that arrive; called for one datagram at a time.</summary>
    public Func<byte[], IEnumerable<byte[]>> OnTheWay { get; set; } = static datagram => [datagram];

    public End A { get; }
    public End B { get; }

    internal sealed class End : IDatagramTransport
    {
        private readonly InMemoryLink link;
        private readonly Channel<byte[]> arriving = Channel.CreateUnbounded<byte[]>();

        public End(InMemoryLink link, IPEndPoint endPoint)
        {
            this.link = link;
            LocalEndPoints = [endPoint];
        }

        public IReadOnlyList<IPEndPoint> LocalEndPoints { get; }

        private End Other => this == link.A ? link.B : link.A;

        public void Start(IDatagramReceiver receiver) => _ = DeliverAsync(receiver);

        public void Send(ReadOnlySpan<byte> datagram, TransportAddress remote)
        {
            if (remote != TransportAddress.From(Other.LocalEndPoints[0]))
                return;
            lock (link)
            {
                foreach (var arrived in link.OnTheWay(datagram.ToArray()))
                    Other.arriving.Writer.TryWrite(arrived);
            }
        }

        public void Dispose() => arriving.Writer.TryComplete();

        private async Task DeliverAsync(IDatagramReceiver receiver)
        {
            var from = TransportAddress.From(Other.LocalEndPoints[0]);
            await foreach (var datagram in arriving.Reader.ReadAllAsync())
                receiver.OnDatagrams(datagram, datagram.Length, from);
        }
    }
}
