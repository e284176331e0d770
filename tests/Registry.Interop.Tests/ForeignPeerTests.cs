namespace Registry.Interop.Tests;

public sealed class LibdatachannelFixture() : PeerFixture(PeerProfile.Libdatachannel);

[RequiresPeer("libdatachannel")]
public sealed class LibdatachannelTests(LibdatachannelFixture fixture) : PeerContract(fixture), IClassFixture<LibdatachannelFixture>;

public sealed class LibwebrtcFixture() : PeerFixture(PeerProfile.Libwebrtc);

[RequiresPeer("libwebrtc")]
public sealed class LibwebrtcTests(LibwebrtcFixture fixture) : PeerContract(fixture), IClassFixture<LibwebrtcFixture>;

public sealed class WeriftFixture() : PeerFixture(PeerProfile.Werift);

[RequiresPeer("werift")]
public sealed class WeriftTests(WeriftFixture fixture) : PeerContract(fixture), IClassFixture<WeriftFixture>;
