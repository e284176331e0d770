using System.Net;

namespace Registry.WebRtc.Net;

/// <summary>The datagram service that all peer connections of a factory share.</summary>
internal interface IDatagramTransport : IDisposable
{
    /// <summary>Addresses at which the peer may reach this transport, one host candidate each.</summary>
    IReadOnlyList<IPEndPoint> LocalEndPoints { get; }

    /// <summary>Starts to deliver datagrams. The receiver is called on the transport's own thread and must not block.</summary>
    void Start(IDatagramReceiver receiver);

    /// <summary>Sends one datagram; one that cannot be sent is lost, as datagrams may be.</summary>
    void Send(ReadOnlySpan<byte> datagram, TransportAddress remote);

    /// <summary>Sends datagrams to one address, in order.</summary>
    /// <param name="datagrams">The datagrams one behind the other.</param>
    /// <param name="segmentSize">Bytes of each of them but the last, which may be shorter; above 0.</param>
    /// <param name="remote">Where they go.</param>
    void Send(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote)
    {
        for (; datagrams.Length > segmentSize; datagrams = datagrams[segmentSize..])
            Send(datagrams[..segmentSize], remote);
        Send(datagrams, remote);
    }
}

/// <summary>Takes datagrams from a transport.</summary>
internal interface IDatagramReceiver
{
    /// <summary>Takes datagrams of one sender, in the order of their arrival. The span is valid during the call only.</summary>
    /// <param name="datagrams">The datagrams one behind the other; empty for one that is empty.</param>
    /// <param name="segmentSize">Bytes of each of them but the last, which may be shorter; 0 only when it is empty.</param>
    /// <param name="remote">Who sent them.</param>
    void OnDatagrams(ReadOnlySpan<byte> datagrams, int segmentSize, TransportAddress remote);
}
