namespace Registry.Host.Dashboard;

/// <summary><c>GET /</c>: the page that opens a tube from the browser to this gateway.</summary>
internal static class DashboardPage
{
    // The page is whole in itself: no other origin may be asked for anything, and no other page may frame it.
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly byte[] Page = Read();

    public static void MapDashboard(this IEndpointRouteBuilder routes) => routes.MapGet("/", (HttpResponse response) =>
    {
        response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        response.Headers.XContentTypeOptions = "nosniff";
        return Results.Bytes(Page, "text/html; charset=utf-8");
    });

    private static byte[] Read()
    {
        using var resource = typeof(DashboardPage).Assembly.GetManifestResourceStream("Dashboard.index.html")
            ?? throw new InvalidOperationException("The web page is not part of this build.");
        using var memory = new MemoryStream();
        resource.CopyTo(memory);
        return memory.ToArray();
    }
}
