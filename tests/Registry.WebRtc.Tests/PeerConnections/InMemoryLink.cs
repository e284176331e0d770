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

    /// <summary>Whether a datagram of this end is carried; asked before <see cref="OnTheWay"/>.</summary>
    public Func<End, byte[], bool> Carries { get; set; } = static (_, _) => true;

    public End A { get; }
    public End B { get; }

    internal sealed class End : IDatagramTransport
    {
        private readonly InMemoryLink link;
        private readonly Channel<(byte[] Datagram, TransportAddress From)> arriving = Channel.CreateUnbounded<(byte[], TransportAddress)>();

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
            var sent = datagram.ToArray();
            lock (link)
            {
                if (!link.Carries(this, sent))
                    return;
                foreach (var arrived in link.OnTheWay(sent))
                    Other.Inject(arrived, TransportAddress.From(LocalEndPoints[0]));
            }
        }

        /// <summary>Lets a datagram arrive here.</summary>
        public void Inject(byte[] datagram, TransportAddress from) => arriving.Writer.TryWrite((datagram, from));

        public void Dispose() => arriving.Writer.TryComplete();

        private async Task DeliverAsync(IDatagramReceiver receiver)
        {
            await foreach (var (datagram, from) in arriving.Reader.ReadAllAsync())
                receiver.OnDatagrams(datagram, datagram.Length, from);
        }
    }
}
