//! A drawing of the network. Clients are on the left, services inside their servers on the right. A
//! line leads from each client to each service that it may call.

mod layout;
mod order;

use std::collections::HashMap;

use super::anchor;
use super::html::Html;
use super::subject::{ServiceEntry, Subject};
use super::words::{count, listed};
use layout::{Area, Group, Layout, Node, Plan};

/// Minimum size of the drawing on a narrow screen, in percent of its full size. Below this size the
/// reader scrolls.
const MIN_SCALE_PERCENT: usize = 85;

/// Writes the drawing, or a sentence if there is nothing to draw.
pub fn write(html: &mut Html, subject: &Subject<'_>) {
    let nothing_to_draw = match (subject.clients.is_empty(), subject.services.is_empty()) {
        (true, true) => {
            Some("The file declares neither clients nor services, so there is nothing to draw.")
        }
        (true, false) => Some("The file declares no clients: nobody may call its services."),
        (false, true) if subject.tenant.is_some() => Some("This client may call nothing."),
        (false, true) => Some("The file declares no services: there is nothing to call."),
        (false, false) => None,
    };
    match nothing_to_draw {
        Some(sentence) => html.leaf("p", &[], sentence),
        None => write_drawing(html, subject),
    }
}

fn write_drawing(html: &mut Html, subject: &Subject<'_>) {
    let plan = plan(subject);
    let layout = Layout::new(&plan);
    let width = layout.width.to_string();
    let height = layout.height.to_string();
    let label = format!(
        "Who may call what: {}, {} on {}",
        count(subject.clients.len(), "client"),
        count(subject.services.len(), "service"),
        count(subject.servers.len(), "server")
    );
    let min_width = format!("min-width:{}px", layout.width * MIN_SCALE_PERCENT / 100);
    let drawing = [
        ("id", "drawing"),
        ("role", "group"),
        ("aria-label", &label),
        ("width", &width),
        ("height", &height),
        ("viewBox", &format!("0 0 {width} {height}")),
        ("style", &min_width),
        ("data-edges", density(plan.edges.len())),
    ];
    html.element("div", &[("class", "drawing")], |html| {
        html.element("svg", &drawing, |html| {
            html.element("g", &[("class", "groups")], |html| {
                layout
                    .groups
                    .iter()
                    .for_each(|group| write_box(html, group.node.area, "10"));
            });
            html.element(
                "g",
                &[("class", "edges"), ("aria-hidden", "true")],
                |html| {
                    write_edges(html, &plan, &layout);
                },
            );
            write_nodes(html, subject, &layout);
        });
    });
    html.leaf(
        "p",
        &[("class", "hint")],
        "A line leads from each client to each service that it may call. Point at a name to follow its lines.",
    );
}

fn plan(subject: &Subject<'_>) -> Plan {
    let client_indices: HashMap<_, _> = subject
        .clients
        .iter()
        .enumerate()
        .map(|(index, client)| (&client.name, index))
        .collect();
    let mut services_of: HashMap<_, Vec<usize>> = HashMap::new();
    let mut edges = Vec::new();
    for (
        index,
        ServiceEntry {
            provider, tenants, ..
        },
    ) in subject.services.iter().enumerate()
    {
        services_of.entry(&provider.name).or_default().push(index);
        edges.extend(
            tenants
                .iter()
                .map(|tenant| (client_indices[&tenant.name], index)),
        );
    }
    let servers = subject.servers.iter().map(|server| {
        let services = services_of.remove(&server.name).unwrap_or_default();
        (
            server.name.to_string(),
            server.address.to_string(),
            services,
        )
    });
    Plan {
        clients: subject
            .clients
            .iter()
            .map(|client| client.name.to_string())
            .collect(),
        servers: servers.collect(),
        services: subject
            .services
            .iter()
            .map(|entry| entry.service.name.to_string())
            .collect(),
        edges,
    }
}

/// Returns the class of the number of lines. The style draws many lines thinner.
fn density(edges: usize) -> &'static str {
    match edges {
        0..=40 => "few",
        41..=250 => "some",
        _ => "many",
    }
}

fn write_edges(html: &mut Html, plan: &Plan, layout: &Layout) {
    let clients = areas(layout.clients.iter());
    let services = areas(layout.groups.iter().flat_map(|group| &group.services));
    for (client, service) in &plan.edges {
        let curve = curve(clients[client], services[service]);
        let from = client.to_string();
        let to = service.to_string();
        html.leaf(
            "path",
            &[("d", &curve), ("data-from", &from), ("data-to", &to)],
            "",
        );
    }
}

fn areas<'l>(nodes: impl Iterator<Item = &'l Node>) -> HashMap<usize, Area> {
    nodes.map(|node| (node.index, node.area)).collect()
}

/// Returns a curve from the middle of the right side of `from` to the middle of the left side of
/// `to`. It is horizontal at both ends.
fn curve(from: Area, to: Area) -> String {
    let x1 = from.x + from.width;
    let y1 = from.y + from.height / 2;
    let x2 = to.x;
    let y2 = to.y + to.height / 2;
    let middle = usize::midpoint(x1, x2);
    format!("M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}")
}

fn write_nodes(html: &mut Html, subject: &Subject<'_>, layout: &Layout) {
    for node in &layout.clients {
        let client = subject.clients[node.index];
        let callable = subject
            .callable_by(client)
            .map(|entry| entry.service.name.as_str());
        let title = format!(
            "{} may call {}",
            client.name,
            listed(callable).unwrap_or("nothing".to_owned())
        );
        write_node(
            html,
            node,
            "data-client",
            &anchor::client(&client.name),
            &title,
        );
    }
    for group in &layout.groups {
        write_head(
            html,
            group,
            &anchor::server(&subject.servers[group.node.index].name),
        );
        for node in &group.services {
            let ServiceEntry {
                service, tenants, ..
            } = &subject.services[node.index];
            let tenants = listed(tenants.iter().map(|tenant| tenant.name.as_str()));
            let title = format!(
                "{} may be called by {}",
                service.name,
                tenants.unwrap_or("nobody".to_owned())
            );
            write_node(
                html,
                node,
                "data-service",
                &anchor::service(&service.name),
                &title,
            );
        }
    }
}

fn write_node(html: &mut Html, node: &Node, side: &'static str, anchor: &str, title: &str) {
    let link = format!("#{anchor}");
    let index = node.index.to_string();
    html.element("a", &[("href", &link), (side, &index)], |html| {
        html.leaf("title", &[], title);
        write_box(html, node.area, "6");
        write_label(
            html,
            "name",
            node.area.x + 12,
            node.area.y + 19,
            &node.label,
        );
    });
}

fn write_head(html: &mut Html, group: &Group, anchor: &str) {
    let Area { x, y, .. } = group.node.area;
    html.element(
        "a",
        &[("href", &format!("#{anchor}")), ("class", "server")],
        |html| {
            write_label(html, "name", x + 12, y + 20, &group.node.label);
            write_label(html, "address", x + 12, y + 36, &group.address);
        },
    );
}

fn write_label(html: &mut Html, class: &str, x: usize, y: usize, label: &str) {
    let x = x.to_string();
    let y = y.to_string();
    html.leaf("text", &[("class", class), ("x", &x), ("y", &y)], label);
}

fn write_box(html: &mut Html, area: Area, radius: &str) {
    let [x, y, width, height] =
        [area.x, area.y, area.width, area.height].map(|side| side.to_string());
    let attributes = [
        ("x", &*x),
        ("y", &*y),
        ("width", &*width),
        ("height", &*height),
        ("rx", radius),
    ];
    html.leaf("rect", &attributes, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_horizontal_at_both_ends() {
        let client = Area {
            x: 0,
            y: 0,
            width: 100,
            height: 20,
        };
        let service = Area {
            x: 200,
            y: 50,
            width: 100,
            height: 20,
        };
        assert_eq!(curve(client, service), "M100 10C150 10 150 60 200 60");
    }
}
