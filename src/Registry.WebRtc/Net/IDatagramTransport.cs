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
}

/// <summary>Takes datagrams from a transport.</summary>
internal interface IDatagramReceiver
{
    /// <summary>Takes one datagram. The span is valid during the call only.</summary>
    void OnDatagram(ReadOnlySpan<byte> datagram, TransportAddress remote);
}
